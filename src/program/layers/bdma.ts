/** Transfers of the bridge DMA (nvdla/sw `bdma.c` for the limits). */

import * as z from '../../base/schema.ts';
import { nvdlaLimits } from '../../targets/nvdla-limits.ts';
import { isNvdla } from '../../targets/target.ts';
import { type LayerContext, surfaceOf, whole, wrong } from './context.ts';
import { index, integer, record } from './fields.ts';
import type { LayerKind } from './kind.ts';

/** One transfer of the bridge DMA (nv_full): lines of bytes, in surfaces, from one place to another. */
export interface BdmaTransfer<S> {
  readonly input: S;
  /** Bytes from the start of `input`. */
  readonly inputOffset: number;
  readonly inputLineStride: number;
  readonly inputSurfaceStride: number;
  readonly output: S;
  /** Bytes from the start of `output`. */
  readonly outputOffset: number;
  readonly outputLineStride: number;
  readonly outputSurfaceStride: number;
  readonly lineBytes: number;
  readonly lines: number;
  readonly surfaces: number;
}

const transferSchema = record<BdmaTransfer<number>>()({
  input: index,
  inputOffset: integer,
  inputLineStride: integer,
  inputSurfaceStride: integer,
  output: index,
  outputOffset: integer,
  outputLineStride: integer,
  outputSurfaceStride: integer,
  lineBytes: integer,
  lines: integer,
  surfaces: integer,
});

const limits = nvdlaLimits.bdma;
const { lineUnit } = limits;

/** @throws program/invalid */
function checkTransfers(context: LayerContext, transfers: readonly BdmaTransfer<number>[]): void {
  whole(context, 'the number of transfers', transfers.length, ...limits.transfers);
  const [first] = transfers;
  for (const transfer of transfers) {
    whole(context, 'bdma.lines', transfer.lines, ...limits.repeats);
    whole(context, 'bdma.surfaces', transfer.surfaces, ...limits.repeats);
    whole(context, 'bdma.lineBytes', transfer.lineBytes, lineUnit, 2 ** 31);
    for (const side of ['input', 'output'] as const) {
      const surface = surfaceOf(context, transfer[side], `bdma.${side}`);
      const isSram = (id: number): boolean => surfaceOf(context, id, `bdma.${side}`).memory === 'managed_sram';
      if (isSram(transfer[side]) !== isSram(first![side])) {
        wrong(context, `bdma.${side} lies in another memory than in the first transfer`, 'one memory', surface.memory);
      }
      const [offset, line, step] = [
        transfer[`${side}Offset`],
        transfer[`${side}LineStride`],
        transfer[`${side}SurfaceStride`],
      ];
      whole(context, `bdma.${side}Offset`, offset, 0, surface.size);
      whole(context, `bdma.${side}LineStride`, line, transfer.lineBytes, 2 ** 32 - 1);
      whole(context, `bdma.${side}SurfaceStride`, step, line * transfer.lines, 2 ** 32 - 1);
      for (const [name, value] of [
        ['lineBytes', transfer.lineBytes],
        [`${side}Offset`, offset],
        [`${side}LineStride`, line],
        [`${side}SurfaceStride`, step],
      ] as const) {
        if (value % lineUnit !== 0) wrong(context, `bdma.${name} is not aligned`, `a multiple of ${lineUnit}`, value);
      }
      const end = offset + (transfer.surfaces - 1) * step + (transfer.lines - 1) * line + transfer.lineBytes;
      if (end > surface.size) wrong(context, `bdma.${side} leaves ${surface.name}`, surface.size, end);
    }
  }
}

export const bdmaKind: LayerKind<'bdma'> = {
  kind: 'bdma',
  title: 'bridge DMA operation',
  fields: { transfers: z.array(transferSchema) },
  runs: 'descriptors',
  lacks: (target) => (!isNvdla(target) ? 'engine for this layer' : target.nvdla.bdma ? undefined : 'bridge DMA'),
  map: ({ kind, transfers }, visit) => ({
    kind,
    transfers: transfers.map((transfer) => {
      const bytes = transfer.lineBytes * transfer.lines * transfer.surfaces;
      return {
        ...transfer,
        input: visit(transfer.input, { role: 'bytes', field: 'bdma.input', client: 'bdma', bytes }),
        output: visit(transfer.output, { role: 'output', field: 'bdma.output', bytes }),
      };
    }),
  }),
  check: (context, { transfers }) => checkTransfers(context, transfers),
  work({ transfers }, typeOf) {
    const { shape, dtype } = typeOf(transfers[0]!.output);
    return [{ engine: 'bdma', enters: shape, leaves: shape, dtype }];
  },
};
