/**
 * The open NVDLA configurations, from the `.spec` files of nvdla/hw `spec/defs` (which win over `doc/hw/v2/scalability.rst`
 * where the two differ): nv_full's of the branch nvdlav1, the others' of master; older branches differ. They are soft cores: clocks
 * and memory belong to whoever builds them (nvdla-systems.ts).
 */

import { bytes } from '../base/units.ts';
import { gem5Modules, sheetModule, zcu102 } from './nvdla-systems.ts';
import type { MemoryInterface, NvdlaTarget, Release } from './target.ts';

/** The open tree is frozen: one release. It has no TensorRT; the compiler's interface version is 0.12. */
const releases: readonly Release[] = [{ name: 'nvdla/sw', tensorrt: [0, 0, 0], dla: [1, 0, 0] }];

const none = (source: string): NvdlaTarget['sram'] => ({
  capacity: { value: bytes(0), status: 'documented', source },
  defaultPool: { value: bytes(0), status: 'documented', source },
});

const memory = (bits: number, burst: number, latency: number): MemoryInterface => ({
  width: bytes(bits / 8),
  burst,
  latency,
});

const noSecondary = 'no secondary memory interface';
const noMemory = 'a secondary memory interface, no memory of its own';

/** No tool of NVDLA's says how real numbers become integers. */
const rounding: NvdlaTarget['rounding'] = {
  value: 'half-even',
  status: 'assumed',
  source: 'as ONNX QuantizeLinear does',
};

export const nvSmall: NvdlaTarget = {
  name: 'nv_small',
  title: 'Open NVDLA, nv_small',
  generation: 'nvdla',
  rounding,
  atomic: { c: 8, k: 8, pixels: 1 },
  memoryAtom: bytes(8),
  cbuf: { banks: 32, entryBytes: bytes(8), entriesPerBank: 512 },
  sram: none(`spec/defs/nv_small.spec: ${noSecondary}`),
  modules: [zcu102, sheetModule],
  releases,
  nvdla: {
    registers: 'v2',
    precisions: ['int8'],
    kernelGroup16: 8,
    accumulatorBits: 34,
    elementwise: false,
    lookupTable: false,
    bdma: false,
    rubik: false,
    throughput: { x: 1, y: 0, pdp: 1, cdp: 1 },
    primaryMemory: memory(64, 1, 64),
    addressBits: 32,
  },
};

export const nvSmall256: NvdlaTarget = {
  ...nvSmall,
  name: 'nv_small_256',
  title: 'Open NVDLA, nv_small_256',
  atomic: { c: 32, k: 8, pixels: 1 },
  cbuf: { banks: 32, entryBytes: bytes(32), entriesPerBank: 128 },
  sram: none(`spec/defs/nv_small_256.spec: ${noSecondary}`),
  modules: [sheetModule],
};

export const nvSmall256Full: NvdlaTarget = {
  ...nvSmall256,
  name: 'nv_small_256_full',
  title: 'Open NVDLA, nv_small_256_full',
  sram: none(`spec/defs/nv_small_256_full.spec: ${noMemory}`),
  nvdla: {
    ...nvSmall256.nvdla,
    elementwise: true,
    lookupTable: true,
    throughput: { x: 2, y: 1, pdp: 1, cdp: 1 },
    primaryMemory: memory(64, 4, 64),
    secondaryMemory: memory(64, 4, 64),
  },
};

export const nvMedium512: NvdlaTarget = {
  ...nvSmall256,
  name: 'nv_medium_512',
  title: 'Open NVDLA, nv_medium_512',
  atomic: { c: 32, k: 16, pixels: 1 },
  memoryAtom: bytes(16),
  cbuf: { banks: 32, entryBytes: bytes(32), entriesPerBank: 512 },
  sram: none(`spec/defs/nv_medium_512.spec: ${noSecondary}`),
  nvdla: {
    ...nvSmall.nvdla,
    kernelGroup16: 16,
    throughput: { x: 4, y: 0, pdp: 2, cdp: 2 },
    primaryMemory: memory(128, 4, 256),
    addressBits: 64,
  },
};

export const nvMedium1024Full: NvdlaTarget = {
  ...nvMedium512,
  name: 'nv_medium_1024_full',
  title: 'Open NVDLA, nv_medium_1024_full',
  atomic: { c: 32, k: 32, pixels: 1 },
  memoryAtom: bytes(32),
  sram: none(`spec/defs/nv_medium_1024_full.spec: ${noMemory}`),
  nvdla: {
    ...nvMedium512.nvdla,
    kernelGroup16: 32,
    elementwise: true,
    lookupTable: true,
    throughput: { x: 8, y: 2, pdp: 4, cdp: 4 },
    primaryMemory: memory(256, 4, 1024),
    secondaryMemory: memory(256, 4, 1024),
  },
};

export const nvLarge: NvdlaTarget = {
  ...nvMedium1024Full,
  name: 'nv_large',
  title: 'Open NVDLA, nv_large',
  atomic: { c: 64, k: 32, pixels: 1 },
  cbuf: { banks: 16, entryBytes: bytes(64), entriesPerBank: 512 },
  sram: none(`spec/defs/nv_large.spec: ${noMemory}`),
  nvdla: {
    ...nvMedium1024Full.nvdla,
    kernelGroup16: 16,
    throughput: { x: 16, y: 4, pdp: 8, cdp: 8 },
    primaryMemory: memory(256, 1, 1024),
    secondaryMemory: memory(256, 1, 1024),
  },
};

export const nvFull: NvdlaTarget = {
  name: 'nv_full',
  title: 'Open NVDLA, nv_full',
  generation: 'nvdla',
  rounding,
  // 32 kernels for INT8; 16 for INT16 and FP16.
  atomic: { c: 64, k: 32, pixels: 1 },
  memoryAtom: bytes(32),
  // The RTL's 16 × 256 × 128 B; the spec writes the same 512 KiB as 16 × 512 × 64 B.
  cbuf: { banks: 16, entryBytes: bytes(128), entriesPerBank: 256 },
  sram: none('the sheet has no SRAM by default; the secondary memory interface is there for one'),
  modules: [sheetModule, ...gem5Modules],
  releases,
  nvdla: {
    registers: 'v1',
    precisions: ['int8', 'int16', 'float16'],
    kernelGroup16: 16,
    accumulatorBits: 48,
    elementwise: true,
    lookupTable: true,
    bdma: true,
    rubik: true,
    throughput: { x: 16, y: 4, pdp: 8, cdp: 8 },
    primaryMemory: memory(512, 1, 1200),
    secondaryMemory: memory(512, 4, 128),
    addressBits: 64,
  },
};
