/**
 * The input converter of the convolution core, for kernels: int8 in, int8 out, by tables. Pixels keep their order in
 * memory; the weights are packed to suit (nvdla/weights.ts).
 */

import type { ConvCore } from '../../../../program/layer.ts';
import { roundShift, saturate } from '../../reference/nvdla/int8/integer.ts';
import { rowsPerUnit } from '../copy-job.ts';
import * as layout from '../job.ts';
import type { KernelHost } from '../kernel-host.ts';
import type { Placement } from '../placement.ts';
import * as integers from './job.ts';

/** Whether pixels, or features, go into the multipliers as they lie in memory. */
const isPlainInput = ({ convert, image }: ConvCore): boolean => !convert && image?.unsigned === undefined;

/** The converted input in scratch memory; undefined where its values would not be int8. */
export function convertInput(host: KernelHost, core: ConvCore, from: Placement): Placement | undefined {
  if (isPlainInput(core)) return from;
  const { convert, image } = core;
  if (!convert || (image?.unsigned ?? 8) !== 8) return undefined;
  const [, channels, height, width] = from.shape;
  const components = image && from.atom === 4 ? 4 : 1;
  const tables = host.lay('conversions', components * 256, (memory, address) => {
    const bytes = new Int8Array(memory, address, components * 256);
    for (let component = 0; component < components; component++) {
      const place = image?.order[component] ?? 0;
      const offset = image?.mean?.[component] ?? convert.offset;
      for (let value = 0; value < 256; value++) {
        const x = image?.unsigned === undefined ? (value << 24) >> 24 : value;
        const scaled = roundShift((x - offset) * convert.scale, convert.shift);
        bytes[place * 256 + value] = saturate(saturate(scaled, 17), 8);
      }
    }
  });
  const row = width * from.pixelStep;
  const surfaces = image ? 1 : Math.ceil(channels / from.atom);
  const to: Placement = {
    ...from,
    address: host.scratch.take('converted', surfaces * height * row + 64),
    extent: surfaces * height * row,
    rowStep: row,
    surfaceStep: height * row,
  };
  const rows = rowsPerUnit(height, surfaces, host.threads);
  const rowUnits = Math.ceil(height / rows);
  host.run(layout.kindConvert, rowUnits * surfaces, 0, to.extent, (job) => {
    job.input(from);
    job.output(to);
    job.set(layout.unitRows, rows);
    job.set(layout.rowUnits, rowUnits);
    job.set(integers.convertTables, tables);
    job.set(integers.convertMask, components - 1);
    job.set(integers.convertRow, row);
  });
  return to;
}
