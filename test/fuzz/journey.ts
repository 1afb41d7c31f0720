/**
 * A mutant's way through dlakit, stage by stage. Every stage may refuse it with a DlakitError, whose code is then the
 * outcome. Anything else that is thrown is a bug, and so is a refusal at a place where there is nothing left to refuse:
 * what dlakit itself has written must read back, and what was validated must run.
 */

import { elementSize } from '../../src/base/data-type.ts';
import { DlakitError } from '../../src/base/errors.ts';
import type { Random } from '../../src/base/random.ts';
import { createWasmEngines } from '../../src/device/engines/wasm/engines.ts';
import { programWork } from '../../src/estimate/layer-work.ts';
import { idxDataSet } from '../../src/evaluate/idx.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { constantTable, parseGraph } from '../../src/graph/parse.ts';
import { printGraph } from '../../src/graph/print.ts';
import { elementCount, type Tensor } from '../../src/graph/tensor.ts';
import * as dlakit from '../../src/index.ts';
import { decodeLoadable, encodeLoadable } from '../../src/loadable/container.ts';
import { readModel } from '../../src/onnx/read.ts';
import type { OnnxRuntime } from '../../src/onnx/session.ts';
import { parseShapes } from '../../src/onnx/shapes.ts';
import { writeModel } from '../../src/onnx/write.ts';
import { parsePlan } from '../../src/program/parse.ts';
import { printPlan } from '../../src/program/print.ts';
import type { CompiledNetwork, Plan } from '../../src/program/program.ts';
import { validatePlan } from '../../src/program/validate-plan.ts';
import { readCalibrationCache } from '../../src/quantize/calibration-cache.ts';
import { readCalibrationJson } from '../../src/quantize/calibration-json.ts';
import { checkJson } from '../../src/report/check-json.ts';
import { checkText } from '../../src/report/check-text.ts';
import { checkSarif } from '../../src/report/sarif.ts';
import { type Device, openDevice } from '../../src/runtime/device.ts';
import { loadNetwork } from '../../src/runtime/network.ts';
import { findTarget } from '../../src/targets/find.ts';
import type { Outcome } from './child.ts';
import type { Mutant } from './mutant.ts';

export const stages = {
  onnx: ['read', 'resolve', 'print', 'prepare', 'write', 'check', 'compile', 'encode', 'decode', 'estimate', 'run'],
  loadable: ['decode', 'print', 'estimate', 'run'],
  plan: ['parse', 'validate', 'print'],
  graph: ['parse', 'prepare'],
  cache: ['parse', 'compile'],
  json: ['parse'],
  idx: ['parse', 'sample'],
  shapes: ['parse', 'resolve'],
} as const satisfies Readonly<Record<Mutant['kind'], readonly string[]>>;

/** A bug that no exception shows. */
class Inconsistency extends Error {}

export class Journey {
  #stage = '';
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  get stage(): string {
    return this.#stage;
  }

  async take(mutant: Mutant): Promise<Outcome> {
    try {
      await this.#go(mutant);
      return { kind: 'passed' };
    } catch (error) {
      const stage = this.#stage;
      if (error instanceof DlakitError && !isBug(error, mutant.kind, stage)) {
        return { kind: 'refused', stage, code: error.problem.code };
      }
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return { kind: 'finding', stage, what: what.slice(0, 4000) };
    }
  }

  async #go(mutant: Mutant): Promise<void> {
    switch (mutant.kind) {
      case 'onnx':
        return this.#onnx(mutant.bytes, mutant.external);
      case 'loadable':
        return this.#loadable(mutant.bytes);
      case 'plan': {
        const plan = this.#at('parse', () => parsePlan(mutant.text));
        this.#at('validate', () => validatePlan(plan, undefined, findTarget(plan.target)));
        this.#at('print', () => samePlan(plan));
        return;
      }
      case 'graph': {
        const graph = this.#at('parse', () => parseGraph(mutant.text, mutant.constants));
        this.#at('prepare', () => dlakit.prepare(graph));
        return;
      }
      case 'cache': {
        const { scales } = this.#at('parse', () => readCalibrationCache(mutant.bytes));
        this.#at('compile', () => dlakit.compile(mutant.network, { scales }));
        return;
      }
      case 'json':
        this.#at('parse', () => readCalibrationJson(mutant.text));
        return;
      case 'idx': {
        this.#stage = 'parse';
        const dataSet = await idxDataSet(mutant.bytes, mutant.labels);
        this.#stage = 'sample';
        await dataSet.sample(dataSet.size - 1);
        return;
      }
      case 'shapes': {
        const shapes = this.#at('parse', () => parseShapes(mutant.text));
        this.#at('resolve', () => dlakit.readNetwork(mutant.bytes, { shapes }));
      }
    }
  }

  #at<T>(stage: string, work: () => T): T {
    this.#stage = stage;
    return work();
  }

  async #onnx(bytes: Uint8Array, external: ReadonlyMap<string, Uint8Array> | undefined): Promise<void> {
    const random = this.#random;
    const options = { file: 'mutant.onnx', ...(external && { external }) };
    this.#at('read', () => readModel(bytes, options));
    const graph = this.#at('resolve', () => dlakit.readNetwork(bytes, options));
    this.#at('print', () => sameGraph(graph));
    const target = { target: random.chance(0.8) ? 'orin' : 'xavier' };
    const network = this.#at('prepare', () => dlakit.prepare(graph));
    this.#at('write', () => {
      for (const written of [graph, network.graph]) dlakit.readNetwork(writeModel(written));
    });
    const checked = this.#at('check', () => dlakit.check(graph, target));
    if (random.chance(0.3))
      this.#at('check', () => {
        checkText(checked, { colour: false, width: 100 });
        checkJson(checked);
        checkSarif(checked, { file: 'mutant.onnx', version: '0', allowGpuFallback: false });
      });
    const compilation = this.#at('compile', () =>
      dlakit.compile(network, {
        ...target,
        inputFormat: random.pick(['auto', 'auto', 'dla_hwc4', 'dla_linear', 'chw32']),
        ...(random.chance(0.3) && { sram: 1 }),
        ...(random.chance(0.3) && { sparsity: 'enable' }),
      }),
    );
    const { network: compiled } = compilation;
    const file = this.#at('encode', () => encodeLoadable(compiled));
    const decoded = this.#at('decode', () => decodeLoadable(file, target));
    this.#at('estimate', () => {
      if (compiled.plan.segments.some(({ kind }) => kind === 'dla') && target.target === 'orin') {
        dlakit.report(network, compilation);
      }
    });
    await this.#run(decoded);
  }

  async #loadable(bytes: Uint8Array): Promise<void> {
    const network = this.#at('decode', () => decodeLoadable(bytes, { file: 'mutant.dla' }));
    this.#at('print', () => samePlan(network.plan));
    this.#at('estimate', () => {
      if (network.plan.segments.some(({ kind }) => kind === 'dla')) dlakit.estimateModes(network.plan);
    });
    await this.#run(network);
  }

  /** On the scalar engines and on the kernels, which have to agree. Work beyond some milliseconds is not done. */
  async #run(network: CompiledNetwork): Promise<void> {
    this.#stage = 'run';
    const { plan } = network;
    if (!isSmall(plan)) return;
    const inputs = Object.fromEntries(plan.inputs.map((name) => [name, this.#input(plan, name)]));
    const [expected, actual] = [
      await runOn(await deviceOf(plan.target, 'reference'), network, inputs),
      await runOn(await deviceOf(plan.target, 'wasm'), network, inputs),
    ];
    for (const name of plan.outputs) {
      const [a, b] = [expected[name]!.bytes, actual[name]!.bytes];
      if (a.length !== b.length || a.some((byte, index) => byte !== b[index])) {
        throw new Inconsistency(`${name} differs between the scalar engines and the kernels`);
      }
    }
  }

  #input(plan: Plan, name: string): Tensor {
    const { dtype, shape } = plan.tensors.find((tensor) => tensor.name === name)!;
    const count = elementCount(shape);
    if (dtype !== 'float32') return { dtype, shape, bytes: this.#random.bytes(count * elementSize[dtype]) };
    const values = this.#random.symmetric(count, 4);
    if (this.#random.chance(0.1)) values.fill(Number.MAX_VALUE);
    return { dtype, shape, bytes: new Uint8Array(values.buffer) };
  }
}

/** Codes with which dlakit would blame the user for what it made itself. */
const bugs: Readonly<Record<string, readonly RegExp[]>> = {
  'onnx compile': [/^program\//, /^device\//, /^loadable\//],
  'onnx encode': [/./],
  'onnx decode': [/./],
  'onnx print': [/./],
  'onnx prepare': [/./],
  'onnx write': [/^(?!onnx\/dtype$)/],
  'onnx estimate': [/./],
  'onnx run': [/^program\//, /^device\/(?!memory)/, /^loadable\//],
  'loadable print': [/./],
  'loadable estimate': [/./],
  'loadable run': [/^program\//, /^device\/(?!memory)/, /^loadable\//],
  'plan print': [/./],
};

const isBug = ({ problem }: DlakitError, kind: Mutant['kind'], stage: string): boolean =>
  (bugs[`${kind} ${stage}`] ?? []).some((pattern) => pattern.test(problem.code));

function samePlan(plan: Plan): void {
  const text = printPlan(plan);
  if (printPlan(parsePlan(text)) !== text) throw new Inconsistency('the printed plan reads back as another');
}

function sameGraph(graph: Graph): void {
  const text = printGraph(graph);
  if (printGraph(parseGraph(text, constantTable(graph))) !== text) {
    throw new Inconsistency('the printed graph reads back as another');
  }
}

const mostMacs = 3_000_000;
const mostBytes = 1 << 21;

function isSmall(plan: Plan): boolean {
  let macs = 0;
  let bytes = 0;
  for (const segment of plan.segments) {
    if (segment.kind === 'host') continue;
    for (const { size, shape } of segment.program.surfaces) bytes += size + elementCount(shape);
    if (bytes > mostBytes) return false;
    for (const { conv } of programWork(segment.program)) {
      if (conv) macs += conv.inputChannels * conv.kernels * conv.rows * conv.columns * conv.pixels;
    }
    for (const layer of segment.program.layers) {
      const pdp = 'pdp' in layer ? layer.pdp : undefined;
      if (pdp) macs += elementCount(segment.program.surfaces[pdp.output]!.shape) * pdp.kernel.h * pdp.kernel.w;
    }
  }
  for (const { shape } of plan.tensors) bytes += elementCount(shape);
  return macs <= mostMacs && bytes <= mostBytes;
}

const devices = new Map<string, { readonly device: Device; runs: number }>();

/** A device that has run other mutants before, as in a long-lived process; a fresh one now and then. */
async function deviceOf(target: string, engines: 'reference' | 'wasm'): Promise<Device> {
  const key = `${target} ${engines}`;
  const known = devices.get(key);
  if (known && known.runs++ < 500) return known.device;
  known?.device.close();
  const device = await openDevice({
    target,
    maximum: 1 << 26,
    engines: engines === 'wasm' ? (bus) => createWasmEngines(bus, { threads: 1 }) : 'reference',
  });
  devices.set(key, { device, runs: 0 });
  return device;
}

async function runOn(
  device: Device,
  network: CompiledNetwork,
  inputs: Readonly<Record<string, Tensor>>,
): Promise<Readonly<Record<string, Tensor>>> {
  const session = await loadNetwork(device, network, zeros(network.plan));
  try {
    return (await session.run(inputs, { dump: 'all' })).outputs;
  } finally {
    await session.close();
  }
}

/** Host segments give zeros: onnxruntime is not what is tested here. */
const zeros = (plan: Plan): OnnxRuntime => ({
  name: 'zeros',
  createSession: () =>
    Promise.resolve({
      run: () =>
        Promise.resolve(
          Object.fromEntries(
            plan.tensors.map(({ name, dtype, shape }) => [
              name,
              { dtype, shape, bytes: new Uint8Array(elementCount(shape) * elementSize[dtype]) },
            ]),
          ),
        ),
      close: () => Promise.resolve(),
    }),
});
