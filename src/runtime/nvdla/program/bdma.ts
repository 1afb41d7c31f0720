/** The transfers of a bridge DMA operation (nvdla/sw `bdma.c` for which field goes where). */

import { fail } from '../../../base/errors.ts';
import type { OperationDesc } from '../../../loadable/nvdla/format/descriptors.ts';
import { nvdlaLimits } from '../../../targets/nvdla-limits.ts';
import { type ProgramContext, ramTypeOf, writeAddress } from './register-writer.ts';

export type BdmaSurfaces = Extract<OperationDesc, { type: 'bdma' }>['surfaces'];
type Transfer = BdmaSurfaces['transfers'][number];

const { lineUnit } = nvdlaLimits.bdma;
const [, mostTransfers] = nvdlaLimits.bdma.transfers;
const [, mostRepeats] = nvdlaLimits.bdma.repeats;

/** @throws loadable/corrupt, device/fault, device/unsupported */
export function programBdma(surfaces: BdmaSurfaces, { write, address }: ProgramContext): void {
  const { numTransfers, sourceType, destinationType } = surfaces;
  if (numTransfers > mostTransfers) {
    const detail = { expected: `at most ${mostTransfers}`, actual: numTransfers };
    fail('loadable/corrupt', 'a BDMA operation has too many transfers', {}, detail);
  }
  for (const transfer of surfaces.transfers.slice(0, numTransfers)) {
    check(transfer);
    const source = address({ address: transfer.sourceAddress, offset: 0 });
    const destination = address({ address: transfer.destinationAddress, offset: 0 });
    writeAddress(write, 'BDMA', { low: 'CFG_SRC_ADDR_LOW', high: 'CFG_SRC_ADDR_HIGH' }, source);
    writeAddress(write, 'BDMA', { low: 'CFG_DST_ADDR_LOW', high: 'CFG_DST_ADDR_HIGH' }, destination);
    write('BDMA', 'CFG_LINE', { SIZE: transfer.lineSize / lineUnit - 1 });
    write('BDMA', 'CFG_CMD', { SRC_RAM_TYPE: ramTypeOf(sourceType), DST_RAM_TYPE: ramTypeOf(destinationType) });
    write('BDMA', 'CFG_LINE_REPEAT', transfer.lineRepeat - 1);
    write('BDMA', 'CFG_SRC_LINE', transfer.sourceLine);
    write('BDMA', 'CFG_DST_LINE', transfer.destinationLine);
    write('BDMA', 'CFG_SURF_REPEAT', transfer.surfaceRepeat - 1);
    write('BDMA', 'CFG_SRC_SURF', transfer.sourceSurface);
    write('BDMA', 'CFG_DST_SURF', transfer.destinationSurface);
    write('BDMA', 'CFG_OP', { EN: 1 });
  }
}

/** What the firmware refuses. */
function check(transfer: Transfer): void {
  const { lineSize, lineRepeat, surfaceRepeat } = transfer;
  const wrong =
    ((lineRepeat < 1 || lineRepeat > mostRepeats || surfaceRepeat < 1 || surfaceRepeat > mostRepeats) &&
      `lines and surfaces are not 1 to ${mostRepeats}`) ||
    ((lineSize === 0 || lineSize % lineUnit !== 0) && `a line is not a multiple of ${lineUnit} bytes`) ||
    ((transfer.sourceLine < lineSize || transfer.destinationLine < lineSize) && 'lines overlap') ||
    ((transfer.sourceSurface < transfer.sourceLine * lineRepeat ||
      transfer.destinationSurface < transfer.destinationLine * lineRepeat) &&
      'surfaces overlap');
  if (wrong) fail('loadable/corrupt', `a transfer is impossible: ${wrong}`);
}
