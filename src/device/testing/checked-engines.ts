/**
 * Engines that are checked as they run: kernels do every launch, and the reference does it again from the same memory and
 * state, whole or some rows of its results. Both must write the same bytes.
 */

import { isNvdlaSdp, type Pipeline } from '../../program/layer.ts';
import type { Bus } from '../bus.ts';
import { referenceEngines } from '../engines/reference/engines.ts';
import { packingOf } from '../engines/reference/feature.ts';
import type { WasmEngines } from '../engines/wasm/engines.ts';
import type { Cube } from '../launch.ts';
import type { DeviceState, ImmediateEngines } from '../state.ts';
import { type Rows, rowsOf, rowsOfCube } from './rows-of.ts';

export interface CheckedEngines extends ImmediateEngines {
  /** What was launched and checked. */
  readonly launches: readonly CheckedLaunch[];
  /** Launches that the reference had to do. */
  readonly fallbacks: number;
}

interface CheckedLaunch {
  readonly pipeline: Pipeline<Cube>;
  /** Bytes that were compared. */
  readonly bytes: number;
}

/**
 * @param pick rows of the results of the n-th launch to check; undefined: all of its bytes
 */
export function checkedEngines(
  kernels: WasmEngines,
  pick: (pipeline: Pipeline<Cube>, n: number) => Rows | undefined,
): CheckedEngines {
  const reference = referenceEngines();
  const launches: CheckedLaunch[] = [];
  return {
    kind: 'immediate',
    name: `${kernels.name}, checked`,
    launches,
    get fallbacks() {
      return kernels.fallbacks;
    },
    dispatch(pipeline, bus, state) {
      const output = outputOf(pipeline);
      const before = bus.read(output.address, output.size);
      const reading: DeviceState = { ...state, engines: reference, ...(state.nvdla && { nvdla: { ...state.nvdla } }) };
      delete reading.nvdla?.counts;
      const result = kernels.dispatch(pipeline, bus, state);
      const after = bus.read(output.address, output.size);
      bus.write(output.address, before);
      const rows = pick(pipeline, launches.length);
      const part = rows && rowsOf(pipeline, rows);
      const wanted = reference.dispatch(part ?? pipeline, bus, reading);
      const bytes = compare(bus, part && rows ? rowsOfCube(output, rows) : output, output, after, part === undefined);
      if (bytes === undefined || (!part && wanted.counters.saturated !== result.counters.saturated)) {
        const where = part ? `rows from ${rows?.from} on` : 'the results';
        throw new Error(`launch ${launches.length}, ${describeLaunch(pipeline)}: ${where} differ`);
      }
      bus.write(output.address, after);
      launches.push({ pipeline, bytes });
      return result;
    },
    close: () => kernels.close(),
  };
}

/** Compares what lies in memory, whole or the rows of a part. @returns how many bytes agree; undefined when any does not */
function compare(bus: Bus, part: Cube, { address, size }: Cube, after: Uint8Array, whole: boolean): number | undefined {
  const now = bus.read(address, size);
  const same = (from: number, to: number): boolean => {
    for (let at = from; at < to; at++) if (now[at] !== after[at]) return false;
    return true;
  };
  if (whole) return same(0, size) ? size : undefined;
  const { atom, runs, elementBytes } = packingOf(part);
  const [, , height, width] = part.shape;
  const line = width * atom * elementBytes;
  const start = Number(part.address - address);
  for (let run = 0; run < runs; run++) {
    for (let y = 0; y < height; y++) {
      const from = start + run * part.surfaceStride + y * part.lineStride;
      if (!same(from, from + line)) return undefined;
    }
  }
  return runs * height * line;
}

export function outputOf(pipeline: Pipeline<Cube>): Cube {
  switch (pipeline.kind) {
    case 'conv':
    case 'sdp':
      return (pipeline.pdp ?? pipeline.sdp).output!;
    case 'pdp':
      return pipeline.pdp.output;
    case 'cdp':
      return pipeline.cdp.output;
    default:
      throw new TypeError(`the open NVDLA has no ${pipeline.kind}`);
  }
}

/** `conv 3×3/2 of pixels, add, pool`: what distinguishes launches of a network. */
export function describeLaunch(pipeline: Pipeline<Cube>): string {
  const window = ({ kernel, stride }: { kernel: { h: number; w: number }; stride: { h: number } }): string =>
    `${kernel.h}×${kernel.w}${stride.h > 1 ? `/${stride.h}` : ''}`;
  if (pipeline.kind === 'pdp') return `${pipeline.pdp.mode} pool ${window(pipeline.pdp)}`;
  if (pipeline.kind === 'cdp') return 'cdp';
  if (pipeline.kind !== 'conv' && pipeline.kind !== 'sdp') return pipeline.kind;
  const { sdp, pdp } = pipeline;
  const units = isNvdlaSdp(sdp) ? [sdp.x1, sdp.x2, sdp.y] : [];
  const adds = units.some((unit) => unit?.source === 'point' && unit.alu === 'sum');
  const first = pipeline.kind === 'conv' ? `conv ${window(pipeline.conv)}` : 'sdp';
  const pixels = pipeline.kind === 'conv' && pipeline.conv.core?.image ? ' of pixels' : '';
  return `${first}${pixels}${adds ? ', add' : ''}${pdp ? ', pool' : ''}`;
}
