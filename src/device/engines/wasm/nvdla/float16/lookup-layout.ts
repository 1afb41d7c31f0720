/** The lookup table of SDP's Y unit on float16, as the kernels read it (float16/job.ts). */

import { addSingle, fp17ToSingle, halfToFp17, numberToSingle } from '../../../reference/nvdla/float16/float.ts';
import type { LinearTable, LookupTable } from '../../../reference/nvdla/lookup-table.ts';
import type { KernelHost } from '../../kernel-host.ts';
import * as layout from './job.ts';

/** Laid out in scratch memory; undefined for what no hardware has. @returns the address */
export function layOutFloatLookup(host: KernelHost, table: LookupTable): number | undefined {
  const { le, lo } = table;
  const isOrdinary = [le.start, le.end, lo.start, lo.end].every((bits) => (bits & 0x7f800000) !== 0x7f800000);
  if (!isOrdinary || le.entries.length !== 65 || lo.entries.length !== 257) return undefined;
  return host.lay('lookup', layout.lookupBytes, (memory, address) => {
    const view = new DataView(memory, address, layout.lookupBytes);
    const word = (at: number, value: number): void => view.setInt32(at, value, true);
    const curve = (at: number, line: LinearTable, exponent: number | undefined): void => {
      const start = line.start | 0;
      word(at + layout.curveStart, start);
      word(at + layout.curveEnd, line.end | 0);
      word(at + layout.curveEdge, exponent === undefined ? start : addSingle(start, numberToSingle(2 ** exponent)));
      word(at + layout.curveLast, line.entries.length - 1);
      view.setFloat64(at + layout.curveScaleF, 2 ** -line.select, true);
      word(at + layout.curveExponential, Number(exponent !== undefined));
      word(at + layout.curveExponent, exponent ?? 0);
      word(at + layout.underflowSlope, singleOf(line.underflow.scale));
      word(at + layout.overflowSlope, singleOf(line.overflow.scale));
      for (const [index, entry] of line.entries.entries()) word(at + layout.curveEntries + index * 4, singleOf(entry));
    };
    curve(layout.curveLe, le, le.spacing === 'exponential' ? le.offset : undefined);
    curve(layout.curveLo, lo, undefined);
    word(layout.underflowPriority, Number(table.underflowPriority === 'lo'));
    word(layout.overflowPriority, Number(table.overflowPriority === 'lo'));
    word(layout.hybridPriority, Number(table.hybridPriority === 'lo'));
  });
}

/** A half as FP17, as bits of a single. */
const singleOf = (half: number): number => fp17ToSingle(halfToFp17(half));
