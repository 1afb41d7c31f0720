/**
 * Stock NVDLA loadables: mutated word by word (a FlatBuffer is offsets, sizes and descriptors, and nothing in it is
 * hashed), and run as a stock runtime does. Launches of more work than some milliseconds are refused here: a descriptor
 * may ask for hours, which a person can interrupt and a fuzzer cannot wait for.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { Bus } from '../../src/device/bus.ts';
import type { Cube } from '../../src/device/cube.ts';
import { referenceEngines } from '../../src/device/reference/engines.ts';
import type { Engines } from '../../src/device/state.ts';
import { fail } from '../../src/graph/errors.ts';
import { elementCount } from '../../src/graph/tensor.ts';
import { decodeStockLoadable, type StockLoadable } from '../../src/loadable/nvdla/stock-loadable.ts';
import type { Pipeline } from '../../src/program/layer.ts';
import { driverOf, submitNow } from '../../src/runtime/nvdla/testing/drive.ts';
import { StockNetwork } from '../../src/runtime/nvdla/user-driver.ts';
import { findTarget } from '../../src/targets/find.ts';
import { concatenate } from './onnx-tree.ts';
import { type FuzzRandom, nastyFloats, nastyIntegers } from './random.ts';

export interface StockBase {
  readonly target: string;
  readonly bytes: Uint8Array;
}

/** Every committed stock loadable, of single operations and of small networks. */
export function stockBases(): readonly StockBase[] {
  const root = new URL('../fixtures/nvdla/', import.meta.url);
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.nvdla'))
    .sort()
    .map((file) => ({
      target: /nv_(?:small|large|full)/.exec(file)![0],
      bytes: new Uint8Array(readFileSync(new URL(file, root))),
    }));
}

export function mutateStock(bytes: Uint8Array, random: FuzzRandom): Uint8Array {
  if (random.chance(0.05)) return bytes.slice(0, random.below(bytes.length));
  if (random.chance(0.03)) return concatenate([bytes, random.bytes(1 + random.below(64))]);
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  for (let count = random.chance(0.6) ? 1 : 2 + random.below(4); count > 0; count--) {
    const size = random.pick([1, 2, 4, 4, 8] as const);
    let at = size * random.below(Math.floor(copy.length / size));
    // Most of a file is zeros, where nothing lies; half of the time look for something.
    for (let tries = 0; tries < 20 && copy[at] === 0 && random.chance(0.9); tries++) {
      at = size * random.below(Math.floor(copy.length / size));
    }
    const nasty = random.pick(nastyIntegers);
    const near = random.below(9) - 4;
    if (size === 1) copy[at] = random.chance(0.5) ? Number(nasty & 255n) : copy[at]! + near;
    else if (size === 2)
      view.setUint16(at, random.chance(0.5) ? Number(nasty & 0xffffn) : view.getUint16(at, true) + near, true);
    else if (size === 8)
      view.setBigUint64(at, random.chance(0.5) ? nasty : view.getBigUint64(at, true) + BigInt(near), true);
    else if (random.chance(0.1)) view.setFloat32(at, random.pick(nastyFloats), true);
    else view.setUint32(at, random.chance(0.5) ? Number(nasty & 0xffff_ffffn) : view.getUint32(at, true) + near, true);
  }
  return copy;
}

export const decodeStock = (bytes: Uint8Array): StockLoadable => decodeStockLoadable(bytes);

/** @throws cancelled when a launch would take too long; else as the runtime */
export function runStock(loadable: StockLoadable, target: string, random: FuzzRandom): void {
  const driver = driverOf(findTarget(target), new Bus({ maximum: 1 << 26 }), impatient());
  const network = new StockNetwork(loadable, driver);
  try {
    for (const { bindId, size } of network.inputs) network.write(bindId, random.bytes(size));
    submitNow(network);
    for (const { bindId } of network.outputs) network.read(bindId);
  } finally {
    network.unload();
  }
}

const mostWork = 4_000_000;

function impatient(): Engines {
  const engines = referenceEngines();
  return {
    ...engines,
    run(pipeline, bus, state) {
      if (workOf(pipeline) > mostWork) fail('cancelled', 'the launch would take too long');
      return engines.run(pipeline, bus, state);
    },
  };
}

const elements = (cube: Cube | undefined): number => (cube ? elementCount(cube.shape) : 0);

function workOf(pipeline: Pipeline<Cube>): number {
  const pdp = 'pdp' in pipeline ? pipeline.pdp : undefined;
  const pooling = pdp ? elements(pdp.output) * pdp.kernel.h * pdp.kernel.w : 0;
  switch (pipeline.kind) {
    case 'conv': {
      const { input, kernel, output, groups } = pipeline.conv;
      const results = output.channels * output.height * output.width;
      return pooling + elements(input) + (results * kernel.h * kernel.w * input.shape[1]) / Math.max(1, groups);
    }
    case 'sdp':
      return pooling + elements(pipeline.sdp.input) + elements(pipeline.sdp.output);
    case 'pdp':
      return pooling + elements(pipeline.pdp.input);
    case 'cdp':
      return 9 * elements(pipeline.cdp.input);
    default:
      return 0;
  }
}
