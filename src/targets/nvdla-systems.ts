/**
 * Systems around an open NVDLA: its clock, its memory, its processor. The core is soft, so these are the systems that
 * published figures were taken on; a target of the user's own brings its own (custom-target.ts).
 */

import { cycles, gigabytesPerSecond, megahertz } from '../base/units.ts';
import type { Fact, Module, NvdlaSystem } from './target.ts';

/** nvdla/hw `NV_NVDLA_MCIF_READ_IG_cvt.v`: a counter to 256, which CFG_OUTSTANDING_CNT lowers. */
const everyBurst: Fact<number> = {
  value: 256,
  status: 'documented',
  source: 'nvdla/hw NV_NVDLA_MCIF_READ_IG_cvt.v, reset value of CFG_OUTSTANDING_CNT',
};

/** The system that is assumed where the caller states none. */
export const commonSystem: NvdlaSystem = {
  latency: { value: cycles(100), status: 'assumed', source: 'DRAM in 100 ns at 1 GHz' },
  outstanding: everyBurst,
  launch: { value: cycles(500), status: 'assumed', source: 'firmware that polls' },
};

export function nvdlaModule(
  { id, title }: { readonly id: string; readonly title: string },
  { clock, bandwidth }: { readonly clock: Fact<number>; readonly bandwidth: Fact<number> },
  system: NvdlaSystem,
): Module {
  return {
    id,
    title,
    dlaCores: 1,
    validated: false,
    powerModes: [
      {
        name: 'default',
        dlaClock: { ...clock, value: megahertz(clock.value) },
        emcClock: { value: megahertz(clock.value), status: 'assumed', source: 'the clock of the core' },
        dramBandwidth: { ...bandwidth, value: gigabytesPerSecond(bandwidth.value) },
      },
    ],
    system,
  };
}

const SHEET = 'nvdla/hw perf/NVDLA_OpenSource_Performance.xlsx, default configuration';

export const sheetModule = nvdlaModule(
  { id: 'sheet', title: "The system of NVIDIA's performance spreadsheet" },
  {
    clock: { value: 1000, status: 'documented', source: SHEET },
    bandwidth: { value: 10, status: 'documented', source: SHEET },
  },
  commonSystem,
);

export const zcu102 = nvdlaModule(
  { id: 'zcu102', title: 'nv_small on a ZCU102 FPGA, bare metal' },
  {
    clock: { value: 100, status: 'documented', source: 'arXiv 2508.16095' },
    bandwidth: {
      value: 0.105,
      status: 'fitted',
      source: "NVIDIA's loadable of LeNet-5 in 4.8 ms, arXiv 2508.16095: a byte a cycle of the eight that the port has",
    },
  },
  {
    ...commonSystem,
    latency: { value: cycles(8), status: 'derived', source: 'eight bytes at that bandwidth, one access at a time' },
  },
);

const GEM5 = 'suchandler96/gem5-NVDLA @ b027ed7';

const simulated = (id: string, title: string, bandwidth: Fact<number>, latency: NvdlaSystem['latency']): Module =>
  nvdlaModule(
    { id, title },
    { clock: { value: 1000, status: 'documented', source: `${GEM5}, sweep/params.py: 1 GHz` }, bandwidth },
    { ...commonSystem, latency },
  );

export const gem5Modules: readonly Module[] = [
  simulated(
    'gem5-ideal',
    'gem5-NVDLA, ideal memory',
    {
      value: 32,
      status: 'fitted',
      source: `LeNet in 71,137 cycles, ${GEM5} README: half of the port, nobody has said why`,
    },
    { value: cycles(1), status: 'documented', source: `${GEM5}, axiResponder.cc` },
  ),
  simulated(
    'gem5-ddr3',
    'gem5-NVDLA, one channel of DDR3-1600',
    { value: 12.8, status: 'documented', source: `${GEM5}, sweep/params.py: DDR3_1600_8x8` },
    { value: cycles(60), status: 'assumed', source: 'DDR3-1600 and the bus' },
  ),
];
