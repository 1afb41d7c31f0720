/** What the engines of the open NVDLA keep between launches: lookup tables, the convolution buffer; and what they count. */

import type { HardwareCounts } from '../engines/reference/nvdla/hardware-counts.ts';
import type { LookupTable } from '../engines/reference/nvdla/lookup-table.ts';
import type { StageValues } from '../engines/reference/stages.ts';

export interface NvdlaState {
  sdpTable?: LookupTable;
  cdpTable?: LookupTable;
  /** Left in the convolution buffer by a launch that did not release it. */
  keptData?: StageValues;
  keptWeights?: Uint8Array;
  /** Of the launch that runs; absent where nobody reads counters. */
  counts?: HardwareCounts;
}
