/** What the engines of the open NVDLA keep between launches: the two lookup tables and the convolution buffer. */

import type { StageValues } from '../reference/stages.ts';
import type { LookupTable } from './lookup-table.ts';

export interface NvdlaState {
  sdpTable?: LookupTable;
  cdpTable?: LookupTable;
  /** Left in the convolution buffer by a launch that did not release it. */
  keptData?: StageValues;
  keptWeights?: Uint8Array;
}
