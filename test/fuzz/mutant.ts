/** The mutants: what the fuzzer feeds to dlakit, each a function of the seed and its index alone. */

import { readFileSync } from 'node:fs';
import type { Random } from '../../src/base/random.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { constantTable } from '../../src/graph/parse.ts';
import { printGraph } from '../../src/graph/print.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { compile, type PreparedNetwork, prepare, readNetwork } from '../../src/index.ts';
import { encodeLoadable } from '../../src/loadable/container.ts';
import { inferRules } from '../../src/onnx/infer/rules.ts';
import { printPlan } from '../../src/program/print.ts';
import { writeCalibrationCache } from '../../src/quantize/calibration-cache.ts';
import { writeCalibrationJson } from '../../src/quantize/calibration-json.ts';
import { type BaseModel, baseModels } from './base-models.ts';
import { mutateLoadable } from './mutate-loadable.ts';
import { mutateText } from './mutate-text.ts';
import { mutateOnnx } from './onnx-tree.ts';
import { nastyIntegers } from './random.ts';

export type Mutant =
  | { readonly kind: 'onnx'; readonly bytes: Uint8Array; readonly external?: ReadonlyMap<string, Uint8Array> }
  | { readonly kind: 'loadable'; readonly bytes: Uint8Array }
  | { readonly kind: 'plan'; readonly text: string }
  | { readonly kind: 'graph'; readonly text: string; readonly constants: ReadonlyMap<string, Tensor> }
  | { readonly kind: 'cache'; readonly bytes: Uint8Array; readonly network: PreparedNetwork }
  | { readonly kind: 'json'; readonly text: string }
  | { readonly kind: 'idx'; readonly bytes: Uint8Array; readonly labels?: Uint8Array }
  | { readonly kind: 'shapes'; readonly text: string; readonly bytes: Uint8Array };

/** What mutants are made of. */
export interface Stock {
  readonly models: readonly BaseModel[];
  readonly large: BaseModel;
  readonly networks: readonly PreparedNetwork[];
  readonly loadables: readonly Uint8Array[];
  readonly plans: readonly string[];
  readonly graphs: readonly Graph[];
  readonly cache: string;
  readonly json: string;
  readonly operators: readonly string[];
}

export function stock(): Stock {
  const models = baseModels();
  const graphs = models.map(({ bytes, external }) => readNetwork(bytes, external ? { external } : {}));
  const networks = graphs.map((graph) => prepare(graph));
  const compiled = networks.flatMap((network) => ['orin', 'xavier'].map((target) => compile(network, { target })));
  const { scales } = compiled[0]!.quantized;
  return {
    models,
    large: {
      name: 'fashion-resnet20',
      bytes: new Uint8Array(readFileSync(new URL('../../models/fashion-resnet20.onnx', import.meta.url))),
    },
    networks,
    loadables: compiled.map(({ network }) => encodeLoadable(network)),
    plans: compiled.map(({ network }) => printPlan(network.plan)),
    graphs,
    cache: writeCalibrationCache(scales),
    json: writeCalibrationJson({ method: 'entropy', samples: 3, scales, largest: new Map() }),
    operators: [...inferRules.keys(), 'constructor', '__proto__', 'Loop', 'Scan', 'LSTM', 'Unknown'],
  };
}

/** Shares: half ONNX, 30 % loadables, the rest everything else that is read from outside. */
export function mutantOf(random: Random, base: Stock): Mutant {
  const share = random.next();
  if (share < 0.5) {
    const { bytes, external } = random.chance(0.004) ? base.large : random.pick(base.models);
    const mutated = { kind: 'onnx', bytes: mutateOnnx(bytes, random, base.operators) } as const;
    return external ? { ...mutated, external: mutateFiles(external, random) } : mutated;
  }
  if (share < 0.8) return { kind: 'loadable', bytes: mutateLoadable(random.pick(base.loadables), random) };
  if (share < 0.86) return { kind: 'plan', text: mutateText(random.pick(base.plans), random) };
  if (share < 0.9) {
    const graph = random.pick(base.graphs);
    return { kind: 'graph', text: mutateText(printGraph(graph), random), constants: constantTable(graph) };
  }
  if (share < 0.94) {
    const text = new TextEncoder().encode(mutateText(base.cache, random));
    return { kind: 'cache', bytes: random.chance(0.2) ? scribble(text, random) : text, network: base.networks[0]! };
  }
  if (share < 0.97) return { kind: 'json', text: mutateText(base.json, random) };
  if (share < 0.985) return idxMutant(random);
  const model = base.models.find(({ name }) => name === 'shapes')!;
  return { kind: 'shapes', text: mutateText('image:2x4x6x6,other:1x1', random), bytes: model.bytes };
}

function mutateFiles(files: ReadonlyMap<string, Uint8Array>, random: Random): ReadonlyMap<string, Uint8Array> {
  const [name, bytes] = random.pick([...files]);
  const changed = new Map(files);
  if (random.chance(0.03)) changed.delete(name);
  else if (random.chance(0.05)) changed.set(name, bytes.slice(0, random.below(bytes.length)));
  return changed;
}

function idxMutant(random: Random): Mutant {
  const idx = (shape: readonly number[]): Uint8Array => {
    const bytes = new Uint8Array(4 + 4 * shape.length + shape.reduce((product, dim) => product * dim, 1));
    bytes.set([0, 0, 8, shape.length]);
    for (const [axis, dim] of shape.entries()) new DataView(bytes.buffer).setUint32(4 + 4 * axis, dim);
    return bytes;
  };
  const change = (bytes: Uint8Array): Uint8Array => {
    if (random.chance(0.3)) return bytes;
    if (random.chance(0.2)) return bytes.slice(0, random.below(bytes.length));
    if (random.chance(0.2)) return scribble(bytes, random);
    const view = new DataView(bytes.buffer);
    view.setUint32(
      4 * random.below(Math.min(4, Math.floor(bytes.length / 4))),
      Number(random.pick(nastyIntegers) & 0xffffffffn),
    );
    return bytes;
  };
  const images = change(idx(random.pick([[3, 4, 4], [2, 3, 3, 3], [5], [1, 1, 1]])));
  return random.chance(0.5) ? { kind: 'idx', bytes: images } : { kind: 'idx', bytes: images, labels: change(idx([3])) };
}

function scribble(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = bytes.slice();
  for (let count = 0; count <= random.below(4); count++) copy[random.below(copy.length)] = random.below(256);
  return copy;
}
