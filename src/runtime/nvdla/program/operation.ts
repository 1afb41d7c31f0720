/** Sets up the registers of an operation. What each kind of operation writes is in the file of that kind. */

import type { BlockName } from '../../../device/nvdla/registers/register-map.ts';
import type { OperationDesc, OperationType } from '../../../loadable/nvdla/format/descriptors.ts';
import { programBdma } from './bdma.ts';
import { programCdp } from './cdp.ts';
import { programConv } from './conv.ts';
import { programPdp } from './pdp.ts';
import { isFlying, type ProgramContext } from './register-writer.ts';
import { programRubik } from './rubik.ts';
import { programSdp, sdpNeedsDma } from './sdp.ts';

/** The lookup table that an operation loads, or −1. */
export const lutIndexOf = (operation: OperationDesc): number =>
  operation.type === 'sdp' || operation.type === 'cdp' ? operation.op.lutIndex : -1;

/** Whether the operation uses its engine's read DMA, which has register groups of its own. */
export function needsDma(operation: OperationDesc): boolean {
  switch (operation.type) {
    case 'sdp':
      return sdpNeedsDma(operation.op, operation.surfaces);
    case 'pdp':
      return !isFlying(operation.surfaces.src);
    case 'cdp':
      return true;
    default:
      return false;
  }
}

/** @throws device/unsupported, loadable/corrupt, device/fault */
export function programOperation(operation: OperationDesc, context: ProgramContext): void {
  switch (operation.type) {
    case 'conv':
      programConv(operation.op, operation.surfaces, context);
      break;
    case 'sdp':
      programSdp(operation.op, operation.surfaces, context);
      break;
    case 'pdp':
      programPdp(operation.op, operation.surfaces, context);
      break;
    case 'cdp':
      programCdp(operation.op, operation.surfaces, context);
      break;
    case 'bdma':
      programBdma(operation.surfaces, context);
      break;
    case 'rubik':
      programRubik(operation.op, operation.surfaces, context);
      break;
  }
}

export interface EngineBlocks {
  readonly blocks: readonly BlockName[];
  readonly dma?: BlockName;
}

/** The blocks of an engine in the order in which they are enabled; the read DMA apart. */
export const engineBlocks: Readonly<Record<OperationType, EngineBlocks>> = {
  conv: { blocks: ['CACC', 'CMAC_A', 'CMAC_B', 'CSC', 'CDMA'] },
  sdp: { dma: 'SDP_RDMA', blocks: ['SDP'] },
  pdp: { dma: 'PDP_RDMA', blocks: ['PDP'] },
  cdp: { dma: 'CDP_RDMA', blocks: ['CDP'] },
  bdma: { blocks: [] },
  rubik: { blocks: ['RBK'] },
};
