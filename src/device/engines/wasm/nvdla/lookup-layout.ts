/** The lookup table of SDP's Y unit as the kernels read it (nvdla/job.ts). */

import type { LinearTable, LookupTable } from '../../reference/nvdla/lookup-table.ts';
import type { KernelHost } from '../kernel-host.ts';
import * as layout from './job.ts';

/** Beyond this, numbers leave what the kernels compute with. */
const mostExponent = 40;
const mostDistance = 2 ** 40;
const mostScale = 2 ** 16;
const mostShift = 40;

/** Laid out in scratch memory; undefined where its numbers are no hardware's. @returns the address */
export function layOutLookup(host: KernelHost, table: LookupTable): number | undefined {
  const { le, lo } = table;
  if (![le, lo].every(isOrdinary) || le.entries.length !== 65 || lo.entries.length !== 257) return undefined;
  if (le.spacing === 'exponential' && Math.abs(le.offset) > mostExponent) return undefined;
  return host.lay('lookup', layout.lookupBytes, (memory, address) => {
    const view = new DataView(memory, address, layout.lookupBytes);
    const word = (at: number, value: number): void => view.setInt32(at, value, true);
    const curve = (at: number, line: LinearTable, exponent: number, first: number, entries: number): void => {
      view.setBigInt64(at + layout.curveStart, BigInt(line.start), true);
      view.setBigInt64(at + layout.curveEnd, BigInt(line.end), true);
      view.setBigInt64(at + layout.curveEdge, BigInt(line.start + first), true);
      word(at + layout.curveExponent, exponent);
      word(at + layout.curveLast, line.entries.length - 1);
      word(at + layout.underflowScale, line.underflow.scale);
      word(at + layout.underflowShift, line.underflow.shift);
      word(at + layout.overflowScale, line.overflow.scale);
      word(at + layout.overflowShift, line.overflow.shift);
      word(at + layout.curveEntries, entries);
      new Int16Array(memory, address + entries, line.entries.length).set(line.entries);
    };
    const exponential = le.spacing === 'exponential';
    const first = exponential && le.offset >= 0 ? 2 ** le.offset : 0;
    curve(layout.curveLe, le, exponential ? le.offset : le.select, first, layout.entriesLe);
    word(layout.curveLe + layout.curveExponential, Number(exponential));
    curve(layout.curveLo, lo, lo.select, 0, layout.entriesLo);
    word(layout.curveLo + layout.curveExponential, 0);
    word(layout.underflowPriority, Number(table.underflowPriority === 'lo'));
    word(layout.overflowPriority, Number(table.overflowPriority === 'lo'));
    word(layout.hybridPriority, Number(table.hybridPriority === 'lo'));
  });
}

const isOrdinary = ({ start, end, underflow, overflow }: LinearTable): boolean =>
  Math.abs(start) <= mostDistance &&
  Math.abs(end) <= mostDistance &&
  [underflow, overflow].every(({ scale, shift }) => Math.abs(scale) <= mostScale && shift >= -16 && shift <= mostShift);
