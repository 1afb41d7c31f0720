/**
 * The open NVDLA configurations, from the `.spec` files of nvdla/hw `spec/defs` (which win over `doc/hw/v2/scalability.rst`
 * where the two differ). They are soft cores: clocks and memory belong to whoever builds them, so the modules
 * here are the systems that published figures were taken on.
 */

import { bytes, gigabytesPerSecond, megahertz } from '../graph/units.ts';
import type { Module, Release, Target } from './target.ts';

const SHEET = 'nvdla/hw perf/NVDLA_OpenSource_Performance.xlsx, default configuration';

const sheet: Module = {
  id: 'sheet',
  title: "The system of NVIDIA's performance spreadsheet",
  dlaCores: 1,
  validated: false,
  powerModes: [
    {
      name: 'default',
      dlaClock: { value: megahertz(1000), status: 'documented', source: SHEET },
      emcClock: { value: megahertz(1000), status: 'assumed', source: 'the sheet knows a bandwidth, no memory clock' },
      dramBandwidth: { value: gigabytesPerSecond(10), status: 'documented', source: SHEET },
    },
  ],
};

const zcu102: Module = {
  id: 'zcu102',
  title: 'nv_small on a ZCU102 FPGA, bare metal',
  dlaCores: 1,
  validated: false,
  powerModes: [
    {
      name: 'default',
      dlaClock: { value: megahertz(100), status: 'documented', source: 'arXiv 2508.16095' },
      emcClock: { value: megahertz(100), status: 'assumed', source: 'the port runs at the clock of the core' },
      dramBandwidth: {
        value: gigabytesPerSecond(0.8),
        status: 'derived',
        source: '64-bit DBB port × 100 MHz; latency leaves less of it',
      },
    },
  ],
};

/** The open tree is frozen: one release. It has no TensorRT; the compiler's interface version is 0.12. */
const releases: readonly Release[] = [{ name: 'nvdla/sw', tensorrt: [0, 0, 0], dla: [1, 0, 0] }];

const none = (source: string): Target['sram'] => ({
  capacity: { value: bytes(0), status: 'documented', source },
  defaultPool: { value: bytes(0), status: 'documented', source },
});

export const nvSmall: Target = {
  name: 'nv_small',
  title: 'Open NVDLA, nv_small',
  generation: 'nvdla',
  arithmetic: 'integer-scale',
  atomic: { c: 8, k: 8, pixels: 1 },
  memoryAtom: bytes(8),
  cbuf: { banks: 32, entryBytes: bytes(8), entriesPerBank: 512 },
  sram: none('spec/defs/nv_small.spec: no secondary memory interface'),
  modules: [zcu102, sheet],
  releases,
  nvdla: {
    registers: 'v2',
    precisions: ['int8'],
    kernelGroup16: 8,
    accumulatorBits: 34,
    secondaryMemory: false,
    bdma: false,
    rubik: false,
  },
};

export const nvFull: Target = {
  name: 'nv_full',
  title: 'Open NVDLA, nv_full',
  generation: 'nvdla',
  arithmetic: 'integer-scale',
  // 32 kernels for INT8; 16 for INT16 and FP16.
  atomic: { c: 64, k: 32, pixels: 1 },
  memoryAtom: bytes(32),
  // The RTL's 16 × 256 × 128 B; the spec writes the same 512 KiB as 16 × 512 × 64 B.
  cbuf: { banks: 16, entryBytes: bytes(128), entriesPerBank: 256 },
  sram: none('the sheet has no SRAM by default; the secondary memory interface is there for one'),
  modules: [sheet],
  releases,
  nvdla: {
    registers: 'v1',
    precisions: ['int8', 'int16', 'float16'],
    kernelGroup16: 16,
    accumulatorBits: 48,
    secondaryMemory: true,
    bdma: true,
    rubik: true,
  },
};

export const nvLarge: Target = {
  name: 'nv_large',
  title: 'Open NVDLA, nv_large',
  generation: 'nvdla',
  arithmetic: 'integer-scale',
  atomic: { c: 64, k: 32, pixels: 1 },
  memoryAtom: bytes(32),
  cbuf: { banks: 16, entryBytes: bytes(64), entriesPerBank: 512 },
  sram: none('spec/defs/nv_large.spec: a secondary memory interface, no memory of its own'),
  modules: [sheet],
  releases,
  nvdla: {
    registers: 'v2',
    precisions: ['int8'],
    kernelGroup16: 16,
    accumulatorBits: 34,
    secondaryMemory: true,
    bdma: false,
    rubik: false,
  },
};
