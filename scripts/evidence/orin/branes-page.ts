/**
 * docs/as-built.md: what an engine spends around the DLA and in FP16, against the latencies of branes.ts; and what SiLU costs. Misses are
 * parameters in the code that are not those of the fit, and the held-out ResNet-18 further than 30 % off.
 */

import type { PrecisionName } from '../../../src/base/data-type.ts';
import { asBuiltParameters } from '../../../src/estimate/orin/as-built.ts';
import { halfParameters } from '../../../src/estimate/orin/half.ts';
import { orinParameters } from '../../../src/estimate/orin/parameters.ts';
import type { Graph, Node } from '../../../src/graph/graph.ts';
import { compile, type Estimate, estimate, prepare } from '../../../src/index.ts';
import { resnet18, resnet50 } from '../../../src/models/resnet.ts';
import { markdownTable } from '../markdown.ts';
import { branesLayers, branesLinear, branesNetworks } from './branes.ts';
import { type BranesFit, brokenTimes, engineOf, engineTimes, fitBranes, layerEngines } from './fit.ts';

interface Row {
  readonly name: string;
  readonly ours: readonly number[];
  readonly measured: readonly number[];
}

interface Range {
  readonly name: string;
  readonly unit: string;
  readonly used: number;
  readonly fitted: number;
  readonly low: number;
  readonly high: number;
}

export interface BranesEvidence {
  readonly rows: Readonly<Record<PrecisionName, readonly Row[]>>;
  readonly networks: readonly (Row & { readonly precision: PrecisionName })[];
  readonly parameters: readonly Range[];
  readonly silu: readonly { readonly name: string; readonly relu: Estimate; readonly silu: Estimate }[];
}

/** The largest error of a network that was held out. */
const heldOutBar = 0.3;

export function branesEvidence(): BranesEvidence {
  const engines = layerEngines();
  const fit = fitBranes(engines);
  const folds = branesLayers.map((_, index) => fitBranes(engines, index));
  const range = (name: string, unit: string, used: number, of: (fit: BranesFit) => number): Range => ({
    name,
    unit,
    used,
    fitted: of(fit),
    low: Math.min(...folds.map(of)),
    high: Math.max(...folds.map(of)),
  });
  const rows = (precision: PrecisionName): readonly Row[] =>
    branesLayers.map(({ name, times }, index) => ({
      name,
      ours: engineTimes(engines[precision][index]!, orinParameters),
      measured: times[precision],
    }));
  const { handOver, reformat, gpuLayer } = asBuiltParameters;
  const { blockCycles, bandwidth } = halfParameters;
  return {
    rows: { int8: rows('int8'), fp16: rows('fp16') },
    networks: branesNetworks.map((row) => ({
      name: row.name,
      precision: row.precision,
      ours: brokenTimes(engineOf(row.build(), row.precision), row, orinParameters),
      measured: row.times,
    })),
    parameters: [
      range('hand-over of a task in MAXN', 'µs', handOver.full.value, (found) => found.handOver[0]),
      range('hand-over at 50W', 'µs', handOver.capped.value, (found) => found.handOver[1]),
      range('reformat of a million elements', 'µs', reformat.value, (found) => found.reformat),
      range('layer on the GPU', 'µs', gpuLayer.value, (found) => found.gpuLayer),
      range('Rubik, cycles of 1024 MAC', 'cycles', blockCycles.value, (found) => found.blockCycles),
      range('Rubik, input and result', 'GB/s', bandwidth.value, (found) => found.bandwidth),
    ],
    silu: [resnet18({ classes: 1000 }), resnet50({ classes: 1000 })].map((graph) => ({
      name: graph.name,
      relu: timed(graph),
      silu: timed(siluTwin(graph)),
    })),
  };
}

const timed = (graph: Graph): Estimate =>
  estimate(compile(prepare(graph)).network.plan, { powerMode: 'MAXN', cores: 1 });

/** The network with x · sigmoid(x) for every ReLU. */
function siluTwin(graph: Graph): Graph {
  const values = new Map(graph.values);
  const nodes = graph.nodes.flatMap((node): readonly Node[] => {
    if (node.op !== 'Relu') return [node];
    const x = node.inputs[0]!;
    const gate = `${node.name}:sigmoid`;
    values.set(gate, values.get(x)!);
    const sigmoid = { ...node, name: gate, op: 'Sigmoid', outputs: [gate], origin: [gate] };
    return [sigmoid, { ...node, op: 'Mul', inputs: [x, gate] }];
  });
  return { ...graph, name: `${graph.name} with SiLU`, nodes, values };
}

const errors = ({ ours, measured }: Row): readonly number[] => ours.map((time, index) => time / measured[index]! - 1);

export function branesMisses({ networks, parameters }: BranesEvidence): readonly string[] {
  return [
    ...parameters
      .filter(({ used, fitted }) => Math.abs(used / fitted - 1) > 0.005)
      .map(({ name, used, fitted }) => `${name} is ${used} in the code and ${fitted.toFixed(3)} by the fit`),
    ...networks
      .filter((row) => row.precision === 'int8' && errors(row).some((error) => Math.abs(error) > heldOutBar))
      .map(({ name }) => `${name} in INT8 is further than ${100 * heldOutBar} % off`),
  ];
}

const percent = (error: number): string => `${error < 0 ? '−' : '+'}${Math.abs(100 * error).toFixed(1)}`;
const conditions = ['MAXN, DLA 0', 'MAXN, DLA 1', '50W, DLA 0', '50W, DLA 1'];

const comparison = (rows: readonly Row[]): string =>
  markdownTable(
    [{ title: 'engine' }, ...conditions.map((title) => ({ title, right: true })), { title: 'error, %', right: true }],
    rows.map((row) => [
      row.name,
      ...row.ours.map((time, index) => `${time.toFixed(0)} / ${row.measured[index]!.toFixed(0)}`),
      errors(row).map(percent).join(', '),
    ]),
  );

function summary(rows: readonly Row[], from = 0, to = 4): string {
  const all = rows.flatMap((row) => errors(row).slice(from, to)).map(Math.abs);
  const mean = all.reduce((sum, error) => sum + error, 0) / all.length;
  return `mean ${(100 * mean).toFixed(1)} %, largest ${(100 * Math.max(...all)).toFixed(1)} %`;
}

const figures = (range: Range): readonly string[] => {
  const digits = range.used < 100 ? 2 : 0;
  return [range.used, range.low, range.high].map((value) => value.toFixed(digits));
};

export function branesPage({ rows, networks, parameters, silu }: BranesEvidence): string {
  const of = (precision: PrecisionName) => networks.filter((row) => row.precision === precision);
  return [
    '# As built, and FP16',
    '',
    'What a TensorRT engine spends around the DLA (`src/estimate/orin/as-built.ts`) and in FP16 (`half.ts`), against latencies that',
    'branes-ai/graphs publishes of Jetson AGX Orin (commit b6c5e82; TensorRT 8.5.2.2, batch 1, FP32 linear bindings, clocks left to the',
    'governor, lowest median of the runs, ±10 % from run to run). Microseconds, ours / measured.',
    '',
    markdownTable(
      [
        { title: 'parameter' },
        { title: 'value', right: true },
        { title: 'one row left out', right: true },
        { title: 'unit' },
        { title: 'fitted to' },
      ],
      parameters.map((range, index) => {
        const [value, low, high] = figures(range);
        const to = index < 3 ? 'INT8 convolutions' : index === 3 ? 'MobileNetV2, INT8' : 'FP16 convolutions, MAXN';
        return [range.name, value!, `${low}–${high}`, range.unit, to];
      }),
    ),
    '',
    '## One convolution, INT8',
    '',
    `The launch as the INT8 model prices it, one hand-over, and the reformat of what is bound: ${summary(rows.int8)}.`,
    '',
    comparison(rows.int8),
    '',
    '## One convolution, FP16',
    '',
    `The same hand-over and reformats; the convolution in Rubik. MAXN: ${summary(rows.fp16, 0, 2)}. At 50W, held out: ${summary(rows.fp16, 2)}.`,
    'The clock at 50W was not logged; the model takes 1,408 MHz for it, and the rows take the same time at 50W as in MAXN, to a percent or two.',
    '',
    comparison(rows.fp16),
    '',
    '## Linear layers',
    '',
    'Of two dimensions, so that their engines have shuffles on the GPU besides: not used, not predicted. What they show is that a convolution of',
    'one pixel in FP16 takes runs of 32 columns too, and that the number of weights does not count: by the rate above 2048 → 2048 takes',
    `${rubikLinear(2048, 2048)} µs in Rubik, 1024 → 1024 ${rubikLinear(1024, 1024)} µs, and they take 256 and 44 µs more than 512 → 512 with its ${rubikLinear(512, 512)}.`,
    '',
    markdownTable(
      [{ title: 'engine' }, { title: 'INT8', right: true }, { title: 'FP16', right: true }],
      branesLinear.map(({ name, times }) => [name, times.int8.join(', '), times.fp16.join(', ')]),
    ),
    '',
    '## Networks',
    '',
    "torchvision's networks as exported. TensorRT 8.5.2 broke them up: by the engine's inspector ResNet-18 has 16 layers that name a DLA node and",
    '51 others in INT8, 33 and 68 in FP16; MobileNetV2 27 and 133, 32 and 153. Which nodes went where is not published. Assumed is one',
    'convolution a loadable, from the beginning of the network, three such layers a loadable as in the engines above, and the rest on the GPU at',
    'one cost a layer, which is fitted to MobileNetV2 in INT8. All else is predicted. Where the placement is not ours to know, FP16 cannot be held to it.',
    '',
    comparison([...of('int8'), ...of('fp16')].map((row) => ({ ...row, name: `${row.name}, ${row.precision}` }))),
    '',
    'Of one loadable, as dlakit places ResNet-18, the same engine takes',
    `${oneLoadable('int8')} in INT8 and ${oneLoadable('fp16')} in FP16 (MAXN, FP32 linear bindings).`,
    '',
    '## SiLU',
    '',
    'A network and its twin with x · sigmoid(x) for every ReLU, INT8, MAXN, native bindings, JetPack 6.0. Not measured by anyone.',
    '',
    markdownTable(
      [
        { title: 'network' },
        { title: 'ReLU', right: true },
        { title: 'SiLU', right: true },
        { title: 'launches that the board needs besides' },
      ],
      silu.map(({ name, relu, silu: twin }) => [
        name,
        `${relu.latency.toFixed(0)} µs`,
        `${twin.latency.toFixed(0)} µs`,
        promotions(twin),
      ]),
    ),
  ].join('\n');
}

const rubikLinear = (channels: number, kernels: number): string =>
  ((((channels / 32) * kernels) / 32) * 32 * halfParameters.blockCycles.value * (1 / 1600)).toFixed(0);

function oneLoadable(precision: PrecisionName): string {
  const engine = engineOf(resnet18({ classes: 1000 }), precision);
  return `${engineTimes(engine, orinParameters)[0]!.toFixed(0)} µs`;
}

function promotions({ layers }: Estimate): string {
  const counts = new Map<string, number>();
  for (const { what } of layers.flatMap(({ promoted = [] }) => promoted)) counts.set(what, (counts.get(what) ?? 0) + 1);
  return [...counts].map(([what, count]) => `${count} × ${what}`).join(', ');
}
