/**
 * Every combination of steps that one launch of the single-point stage can have, generated as random ONNX networks: scale and shift
 * (one number or one per channel), a second operand (each operator, of the same shape, per channel, or first), slope, clip, table;
 * behind a convolution or alone, with pooling in the launch or without. A network holds many such branches side by side.
 *
 * Each is held to two oracles:
 *
 *     the exactness graph    bit for bit, on both engines: the arithmetic of the Program
 *     the ONNX network       in FP32: every result within half a step of the real one, which no mistake that the engines and the
 *                            exactness graph share can keep
 *
 * The second bar is that narrow because nothing but the result is rounded: inputs and biases lie on their steps, and weights are
 * whole multiples of a power of two with 127 among them.
 */

import { describe, expect, it } from 'vitest';
import { compile } from '../../src/compile/compile.ts';
import { acceptAll } from '../../src/compile/testing/accept-all.ts';
import type { Attribute, Graph } from '../../src/graph/graph.ts';
import { elementCount, float32Tensor, float32Values, type Tensor } from '../../src/graph/tensor.ts';
import { nodeOnnxRuntime } from '../../src/host/node/onnxruntime.ts';
import { float, GraphBuilder, int, ints } from '../../src/models/graph-builder.ts';
import { writeModel } from '../../src/onnx/write.ts';
import type { Layer } from '../../src/program/layer.ts';
import type { Program } from '../../src/program/program.ts';
import { int8Values } from '../../src/runtime/border.ts';
import { openDevice } from '../../src/runtime/device.ts';
import { compareRuns, type Dump } from '../../src/runtime/dump.ts';
import { runNetwork } from '../../src/runtime/network.ts';
import { findRelease } from '../../src/targets/find.ts';
import { orin } from '../../src/targets/orin.ts';
import { compareWithGolden } from './golden.ts';

const operators = ['Add', 'Sub', 'Mul', 'Max', 'Min'] as const;

/** What a launch is made of; `second` is the other operand and how it comes. */
interface Launch {
  readonly source: 'conv' | 'input';
  readonly multiply: boolean;
  readonly add: boolean;
  readonly second?: { readonly op: (typeof operators)[number]; readonly form: 'same' | 'channel' | 'first' };
  readonly slope: boolean;
  readonly clip: boolean;
  readonly table: boolean;
  readonly pool: boolean;
}

const either = [false, true] as const;
const seconds: readonly Launch['second'][] = [
  undefined,
  ...operators.flatMap((op) => (['same', 'channel', 'first'] as const).map((form) => ({ op, form }))),
];

const isPlain = ({ multiply, add, second, slope, clip, table }: Launch): boolean =>
  !(multiply || add || second || slope || clip || table);

/** All launches. Of pools the compiler puts only the maximum behind a convolution into its launch. */
const launches: readonly Launch[] = (['conv', 'input'] as const).flatMap((source) =>
  (source === 'conv' ? either : [false]).flatMap((pool) =>
    either.flatMap((table) =>
      either.flatMap((clip) =>
        either.flatMap((slope) =>
          seconds.flatMap((second) =>
            either.flatMap((add) =>
              either.map((multiply) => ({
                source,
                pool,
                table,
                clip,
                slope,
                ...(second && { second }),
                add,
                multiply,
              })),
            ),
          ),
        ),
      ),
    ),
  ),
);

const channels = 9;
const batch = 2;
const size = { h: 4, w: 5 };

interface Branch {
  readonly launch: Launch;
  readonly output: string;
  /** What the table looks up, and the most that its value changes by when that changes by 1. */
  readonly table?: { readonly value: string; readonly slope: number };
}

/** A network of launches, its inputs, and where each launch is in it. */
function networkOf(wanted: readonly Launch[], seed: number) {
  const b = new GraphBuilder('launches', { seed });
  const { random } = b;
  const image = b.input('image', [batch, 3, size.h, size.w]);
  const [x, same] = [
    b.input('x', [batch, channels, size.h, size.w]),
    b.input('same', [batch, channels, size.h, size.w]),
  ];
  const perChannel = b.input('channel', [batch, channels, 1, 1]);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random.next() * values.length)]!;
  let constants = 0;
  const constant = (low: number, high: number, signs = true): string => {
    const count = pick([1, channels]);
    const values = Float32Array.from({ length: count }, () => random.between(low, high) * (signs ? pick([-1, 1]) : 1));
    return b.constant(`c${constants++}`, float32Tensor(count === 1 ? [] : [count, 1, 1], values));
  };
  const convolution = (): string => {
    const kernel = pick([1, 3]);
    const transposed = pick([false, false, true]);
    const groups = transposed ? 1 : pick([1, 1, 3]);
    const inner = 3 / groups;
    const values = Float32Array.from({ length: channels * inner * kernel * kernel }, () =>
      Math.round(random.between(-127, 127)),
    );
    // 127 in each kernel makes its scale 1/64, of which all weights are multiples.
    const area = kernel * kernel;
    for (let k = 0; k < channels; k++) values[transposed ? k * area : k * inner * area] = 127;
    const shape = transposed ? [3, channels, kernel, kernel] : [channels, inner, kernel, kernel];
    const weights = b.constant(
      `c${constants++}`,
      float32Tensor(
        shape,
        values.map((value) => value / 64),
      ),
    );
    // Multiples of the accumulator's step.
    const biases = random.symmetric(channels, 2).map((value) => Math.round(value * 2048) / 2048);
    const bias = pick([false, true]) ? [b.constant(`c${constants++}`, float32Tensor([channels], biases))] : [];
    const pad = (kernel - 1) / 2;
    const attributes: Record<string, Attribute> = {
      kernel_shape: ints([kernel, kernel]),
      pads: ints([pad, pad, pad, pad]),
      group: int(groups),
    };
    const output = [batch, channels, size.h, size.w];
    return b.node(transposed ? 'ConvTranspose' : 'Conv', [image, weights, ...bias], [output], attributes)[0]!;
  };

  const branches = wanted.map((launch): Branch => {
    const { second } = launch;
    let t = launch.source === 'conv' ? convolution() : x;
    if (launch.multiply && launch.add && pick([false, true])) {
      const vector = (low: number, high: number) =>
        b.constant(
          `c${constants++}`,
          float32Tensor(
            [channels],
            Array.from({ length: channels }, () => random.between(low, high)),
          ),
        );
      const names = [vector(-1, 1), vector(-2, 2), vector(-1, 1), vector(0.5, 2)];
      t = b.node('BatchNormalization', [t, ...names], [b.shape(t)])[0]!;
    } else {
      if (launch.multiply) t = b.binary(pick(['Mul', 'Div']), t, constant(0.3, 1.5));
      if (launch.add) t = b.binary(pick(['Add', 'Sub']), t, constant(0.2, 3));
    }
    if (second) {
      const other = second.form === 'channel' ? perChannel : same;
      t = second.form === 'first' ? b.binary(second.op, other, t) : b.binary(second.op, t, other);
    }
    // A positive factor behind a product is drawn into the launch too.
    if (second?.op === 'Mul' && pick([false, true])) {
      t = b.binary('Mul', t, b.constant(`c${constants++}`, float32Tensor([], [random.between(0.2, 2)])));
    }
    if (launch.slope) {
      t = pick([false, true])
        ? b.unary('LeakyRelu', t, { alpha: float(random.between(0.05, 0.4)) })
        : b.binary('PRelu', t, constant(0.1, 1.5));
    }
    if (launch.clip) {
      t =
        pick([false, true]) && !launch.slope
          ? b.relu(t)
          : b.clip(t, random.between(-0.5, -0.1), random.between(0.3, 1));
    }
    let table: Branch['table'];
    if (launch.table) {
      const op = pick(['Sigmoid', 'Tanh', 'Abs'] as const);
      table = { value: t, slope: { Sigmoid: 0.25, Tanh: 1, Abs: 1 }[op] };
      t = b.unary(op, t);
    }
    if (launch.pool) t = b.maxPool(t, { kernel: 3, stride: 2, padding: 1 });
    b.output(t);
    return { launch, output: t, ...(table && { table }) };
  });

  const onSteps = (name: string, scale: number): [string, Tensor] => {
    const shape = b.shape(name);
    const values = Float32Array.from(
      { length: elementCount(shape) },
      () => Math.round(random.between(-128, 127)) * scale,
    );
    return [name, float32Tensor(shape, values)];
  };
  const scales = new Map([image, x, same, perChannel].map((name) => [name, 1 / 32] as const));
  const inputs = Object.fromEntries([...scales].map(([name, scale]) => onSteps(name, scale)));
  return { graph: b.build(), branches, inputs, scales, random };
}

/** Every value of a graph as onnxruntime computes it in FP32. */
async function realValues(graph: Graph, inputs: Readonly<Record<string, Tensor>>): Promise<Map<string, Float32Array>> {
  const runtime = await nodeOnnxRuntime();
  const outputs = graph.nodes.flatMap((node) => node.outputs);
  const session = await runtime.createSession(writeModel({ ...graph, outputs }), { optimise: false });
  const results = await session.run(inputs);
  await session.close();
  return new Map(outputs.map((name) => [name, float32Values(results[name]!)]));
}

const reachOf = (values: Float32Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0.01);

/** The steps that a launch has, as a Program says it. */
function stepsOf(layer: Layer, program: Program): string {
  if (layer.kind !== 'conv' && layer.kind !== 'sdp') return layer.kind;
  const { sdp, pdp } = layer;
  if (sdp.arithmetic !== 'float-scale') throw new Error('integers on orin');
  const operand = sdp.operand && program.surfaces[sdp.operand.input]!.shape[2] === 1 ? 'channel' : 'same';
  return [
    layer.kind,
    sdp.shift !== undefined && 'shift',
    sdp.operand && `${sdp.operand.op} ${operand}`,
    sdp.slope !== undefined && 'slope',
    (sdp.low !== -128 || sdp.high !== 127) && 'clip',
    sdp.lut !== undefined && 'table',
    pdp?.mode,
  ]
    .filter((step) => typeof step === 'string')
    .join(', ');
}

async function compiled(wanted: readonly Launch[], seed: number) {
  const { graph, branches, inputs, scales, random } = networkOf(wanted, seed);
  const real = await realValues(graph, inputs);
  // Some results use the range of int8, some leave it.
  for (const [name, values] of real) scales.set(name, Math.fround((reachOf(values) / 127) * random.between(0.7, 1.1)));
  for (const { table } of branches) {
    const values = table && real.get(table.value);
    if (values) scales.set(table.value, Math.fround(reachOf(values) / 127));
  }
  // Pooling hands integers on.
  for (const { op, inputs: from, outputs } of graph.nodes) {
    if (op === 'MaxPool') scales.set(from[0]!, scales.get(outputs[0]!)!);
  }
  const { network, notEmulated } = compile({ graph, scales, ranges: 'calibrated' }, acceptAll(graph), {
    target: orin,
    release: findRelease(orin, 'JetPack 6.0'),
  });
  expect([...notEmulated]).toEqual([]);
  const [segment, ...others] = network.plan.segments;
  if (segment?.kind !== 'dla' || others.length > 0) throw new Error('one DLA segment wanted');
  return { network, program: segment.program, branches, inputs, scales, real };
}

type Run = Awaited<ReturnType<typeof compiled>>;

/** Every result within half a step of onnxruntime's FP32. */
function expectNear(dumps: readonly Dump[], { branches, scales, real }: Run): void {
  for (const { output, table, launch } of branches) {
    const scale = scales.get(output)!;
    const integers = int8Values(dumps.find(({ name }) => name === output)!.tensor);
    // Half a step of the result, and of a table's index; and a little for float32.
    const most = 0.501 * (scale + (table ? scales.get(table.value)! * table.slope : 0));
    let worst = 0;
    for (const [index, value] of real.get(output)!.entries()) {
      const held = Math.min(Math.max(value, -128 * scale), 127 * scale);
      worst = Math.max(worst, Math.abs(integers[index]! * scale - held));
    }
    expect(worst, `${JSON.stringify(launch)}: steps of ${scale}`).toBeLessThan(most);
  }
}

const apart = 128;
const groups = Array.from({ length: Math.ceil(launches.length / apart) }, (_, at) =>
  launches.slice(at * apart, (at + 1) * apart).filter((launch) => launch.source === 'conv' || !isPlain(launch)),
);
const seen = new Set<string>();

describe('every combination of steps', () => {
  for (const [index, group] of groups.entries()) {
    const [{ source, pool, table, clip }] = group as [Launch];
    const steps = [source, pool && 'pool', table && 'table', clip && 'clip'].filter(Boolean).join(', ');
    it(`${group.length} launches from ${steps}`, async () => {
      const run = await compiled(group, 100 + index);
      const { network, program, inputs } = run;
      expect(program.layers.length).toBe(group.length);
      for (const layer of program.layers) seen.add(stepsOf(layer, program));
      const runtime = await nodeOnnxRuntime();
      const [scalar, fast] = [
        await openDevice({ target: 'orin', engines: 'reference' }),
        await openDevice({ target: 'orin', engines: 'wasm' }),
      ];
      const { difference, elements } = await compareWithGolden(network, inputs, { device: fast, runtime });
      expect(difference).toBeUndefined();
      expect(elements).toBeGreaterThan(group.length * channels * batch);
      const [expected, found] = [
        await runNetwork(network, inputs, { device: scalar, runtime, dump: 'all' }),
        await runNetwork(network, inputs, { device: fast, runtime, dump: 'all' }),
      ];
      expect(compareRuns(found, expected)).toBeUndefined();
      expectNear(found.dumps, run);
      scalar.close();
      fast.close();
    });
  }

  it('was among them', () => {
    const stages = ['conv', 'conv pool', 'sdp'].flatMap((stage) =>
      either.flatMap((shift) =>
        ['', ...['add', 'sub', 'mul', 'max', 'min'].flatMap((op) => [`${op} same`, `${op} channel`])].flatMap(
          (operand) =>
            either.flatMap((slope) =>
              either.flatMap((clip) =>
                either.map((table) =>
                  [
                    stage.split(' ')[0],
                    shift && 'shift',
                    operand,
                    slope && 'slope',
                    clip && 'clip',
                    table && 'table',
                    stage.includes('pool') && 'max',
                  ]
                    .filter((step) => step)
                    .join(', '),
                ),
              ),
            ),
        ),
      ),
    );
    expect([...seen].toSorted()).toEqual(stages.toSorted());
  });
});
