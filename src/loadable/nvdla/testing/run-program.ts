/**
 * A Program of the open NVDLA run twice: lowered, by firmware and registers; and as it is, layer by layer, tables and moves
 * put where the device would have them. One has to give what the other gives.
 */

import { Bus } from '../../../device/bus.ts';
import { referenceEngines } from '../../../device/engines/reference/engines.ts';
import type { LookupTable } from '../../../device/engines/reference/nvdla/lookup-table.ts';
import type { Cube } from '../../../device/launch.ts';
import { type Launch, launch } from '../../../device/launch.ts';
import type { NvdlaState } from '../../../device/state.ts';
import {
  isNvdlaSdp,
  type Layer,
  type Lookup,
  type Pdp,
  type Pipeline,
  type PixelCopy,
  type PixelGrid,
  type Sdp,
  type SdpUnit,
} from '../../../program/layer.ts';
import { rootOf } from '../../../program/liveness.ts';
import type { BlobTable, Program } from '../../../program/program.ts';
import type { Surface, SurfaceFormat } from '../../../program/surface.ts';
import { driverOf, submitNow } from '../../../runtime/nvdla/testing/drive.ts';
import { StockNetwork } from '../../../runtime/nvdla/user-driver.ts';
import { bindLayer } from '../../../runtime/program-scheduler.ts';
import type { NvdlaTarget } from '../../../targets/target.ts';
import type { InterfaceMinor } from '../format/descriptors.ts';
import { lowerWithPlaces } from '../lower/program.ts';

export interface Subject {
  readonly program: Program;
  readonly blobs: BlobTable;
  readonly target: NvdlaTarget;
}

export interface Ran {
  /** The memory of every output, in order. */
  readonly outputs: readonly Uint8Array[];
  /** What was launched, in order. */
  readonly launches: readonly Launch[];
  /** Where surfaces lay. */
  readonly cube: (id: number) => Cube;
}

const cubeOf = (surface: Surface, address: bigint): Cube => {
  const { shape, dtype, format, lineStride, surfaceStride, batchStride, size } = surface;
  return { address, shape, dtype, format, lineStride, surfaceStride, batchStride, size };
};

export function runLowered(
  { program, blobs, target }: Subject,
  inputs: readonly Uint8Array[],
  minor: InterfaceMinor,
): Ran {
  const { loadable, memoryOf } = lowerWithPlaces(program, blobs, target, { minor });
  const launches: Launch[] = [];
  const network = new StockNetwork(loadable, driverOf(target));
  const cubes = program.surfaces.map((surface) =>
    cubeOf(surface, network.address(memoryOf(surface)) + BigInt(surface.offset)),
  );
  for (const [bindId, input] of inputs.entries()) {
    const whole = new Uint8Array(network.inputs[bindId]!.size);
    whole.set(input);
    network.write(bindId, whole);
  }
  submitNow(network, ({ pipeline }) => launches.push(pipeline));
  const outputs = program.outputs.map((id, bindId) => network.read(bindId).slice(0, program.surfaces[id]!.size));
  network.unload();
  return { outputs, launches, cube: (id) => cubes[id]! };
}

export function runDirectly({ program, blobs, target }: Subject, inputs: readonly Uint8Array[]): Ran {
  const bus = new Bus({ maximum: 2 ** 26 });
  let next = 0x1000_0000n;
  const map = (size: number): bigint => {
    const base = next;
    const pages = Math.ceil(size / 4096) * 4096;
    next += BigInt(pages + 4096);
    bus.map(base, pages);
    return base;
  };
  const pools = new Map(
    (['local_dram', 'global_dram'] as const).map((memory) => {
      const own = program.surfaces.filter((surface) => surface.memory === memory);
      return [memory, map(own.reduce((end, { offset, size }) => Math.max(end, offset + size), 1))];
    }),
  );
  const io = new Map([...program.inputs, ...program.outputs].map((id) => [id, map(program.surfaces[id]!.size)]));
  const cubes = program.surfaces.map((surface) => {
    const { memory, offset, id } = surface;
    const base = memory === 'io' ? io.get(rootOf(program.surfaces, id)) : pools.get(memory as 'local_dram');
    return cubeOf(surface, base! + BigInt(offset));
  });
  for (const { surface, blob } of program.constants) bus.write(cubes[surface]!.address, blobs.get(blob)!);
  for (const [index, id] of program.inputs.entries()) bus.write(cubes[id]!.address, inputs[index]!);
  const nvdla: NvdlaState = {};
  const state = { engines: referenceEngines(), nvdla };
  const launches: Launch[] = [];
  for (const layer of program.layers) {
    if ('sdp' in layer && isNvdlaSdp(layer.sdp) && layer.sdp.lookup) {
      nvdla.sdpTable = tableOf(layer.sdp.lookup, cubes, bus);
    }
    if (layer.kind === 'cdp' && layer.cdp.lookup) nvdla.cdpTable = tableOf(layer.cdp.lookup, cubes, bus);
    const bound = bindMove(layer, cubes, target) ?? wholeAtoms(bindLayer(layer, (id) => cubes[id]!));
    launches.push(bound);
    launch(bound, bus, state);
  }
  const outputs = program.outputs.map((id) => bus.read(cubes[id]!.address, program.surfaces[id]!.size).slice());
  return { outputs, launches, cube: (id) => cubes[id]! };
}

function tableOf(lookup: Lookup<number>, cubes: readonly Cube[], bus: Bus): LookupTable {
  const curve = (name: 'le' | 'lo') => {
    const { entries, start, end, underflow, overflow, exponent } = lookup[name];
    const bytes = bus.read(cubes[entries]!.address, cubes[entries]!.size).slice();
    return { entries: new Int16Array(bytes.buffer), start, end, underflow, overflow, select: exponent };
  };
  const { underflowPriority, overflowPriority, hybridPriority } = lookup;
  return {
    le: { ...curve('le'), spacing: lookup.le.spacing, offset: lookup.le.exponent },
    lo: curve('lo'),
    underflowPriority,
    overflowPriority,
    hybridPriority,
  };
}

const atoms: Readonly<Partial<Record<SurfaceFormat, number>>> = { chw32: 32, chw16: 16, chw8: 8 };

/** SDP and PDP work on whole atoms, whatever lies in the channels that fill up the last one. */
function wholeAtoms(pipeline: Pipeline<Cube>): Pipeline<Cube> {
  const widen = (cube: Cube): Cube => {
    const atom = atoms[cube.format];
    if (atom === undefined) return cube;
    const [n, channels, height, width] = cube.shape;
    return { ...cube, shape: [n, Math.ceil(channels / atom) * atom, height, width] };
  };
  const ends = <T extends { readonly input?: Cube; readonly output?: Cube }>(stage: T): T => ({
    ...stage,
    ...(stage.input && { input: widen(stage.input) }),
    ...(stage.output && { output: widen(stage.output) }),
  });
  const unit = (of: SdpUnit<Cube> | undefined) => of && { ...of, ...(of.operand && { operand: widen(of.operand) }) };
  const point = (sdp: Sdp<Cube>): Sdp<Cube> => {
    if (!isNvdlaSdp(sdp)) return sdp;
    const [x1, x2, y] = [unit(sdp.x1), unit(sdp.x2), unit(sdp.y)];
    return { ...ends(sdp), ...(x1 && { x1 }), ...(x2 && { x2 }), ...(y && { y }) };
  };
  const pooling = (pdp: Pdp<Cube> | undefined) => (pdp ? { pdp: ends(pdp) } : {});
  switch (pipeline.kind) {
    case 'conv':
    case 'sdp':
      return { ...pipeline, sdp: point(pipeline.sdp), ...pooling(pipeline.pdp) };
    case 'pdp':
      return { ...pipeline, pdp: ends(pipeline.pdp) };
    default:
      return pipeline;
  }
}

/** As SDP sees it: where it steps over columns, columns are lines and rows channels. */
function bindPixels(move: PixelCopy<number>, cubes: readonly Cube[], { memoryAtom }: NvdlaTarget): Launch {
  const [input, output] = [cubes[move.input]!, cubes[move.output]!];
  const atom = atoms[input.format]!;
  const seen = (cube: Cube, channel: number, { row, column, step }: PixelGrid): Cube => {
    const start = (channel / atom) * cube.surfaceStride + row * cube.lineStride + column * memoryAtom;
    const address = cube.address + BigInt(start);
    const rowStride = step.h * cube.lineStride;
    if (move.from.step.w === 1 && move.to.step.w === 1) {
      return { ...cube, address, shape: [1, move.channels, move.rows, move.columns], lineStride: rowStride };
    }
    const turned = { lineStride: step.w * memoryAtom, surfaceStride: rowStride };
    return { ...cube, address, shape: [1, move.rows * atom, move.columns, 1], ...turned };
  };
  return wholeAtoms({
    kind: 'sdp',
    sdp: {
      arithmetic: input.dtype === 'float16' ? 'nvdla-float16' : 'integer-scale',
      input: seen(input, move.inputChannel, move.from),
      convert: { offset: 0, scale: 1, shift: 0 },
      outputType: input.dtype as 'int8' | 'int16' | 'float16',
      output: seen(output, move.outputChannel, move.to),
    },
  });
}

function bindMove(layer: Layer, cubes: readonly Cube[], target: NvdlaTarget): Launch | undefined {
  const { memoryAtom } = target;
  if (layer.kind === 'pixels') return bindPixels(layer.pixels, cubes, target);
  if (layer.kind === 'rubik') {
    const { mode, stride } = layer.rubik;
    const [input, output] = [cubes[layer.rubik.input]!, cubes[layer.rubik.output]!];
    const size = output.dtype === 'int8' ? 1 : 2;
    const runStride = mode === 'contract' ? Math.ceil((output.shape[1] * size) / memoryAtom) * input.surfaceStride : 0;
    return { kind: 'rubik', rubik: { mode, input, output, stride, runStride, atomBytes: memoryAtom } };
  }
  if (layer.kind !== 'bdma') return undefined;
  return {
    kind: 'transfer',
    transfers: layer.transfers.map((transfer) => ({
      source: {
        address: cubes[transfer.input]!.address + BigInt(transfer.inputOffset),
        lineStride: transfer.inputLineStride,
        surfaceStride: transfer.inputSurfaceStride,
      },
      destination: {
        address: cubes[transfer.output]!.address + BigInt(transfer.outputOffset),
        lineStride: transfer.outputLineStride,
        surfaceStride: transfer.outputSurfaceStride,
      },
      lineBytes: transfer.lineBytes,
      lines: transfer.lines,
      surfaces: transfer.surfaces,
    })),
  };
}
