/**
 * A target is data: what the checker, the compiler, the emulator and the estimator need to know of a piece of
 * hardware. A number whose origin matters is a {@link Fact}: it carries its source and whether it was read in a
 * document, derived from documented numbers, or fitted to measurements.
 */

import type { Precision } from '../base/data-type.ts';
import type { Rounding } from '../base/rounding.ts';
import { type Bytes, bytes, type Cycles, type GBps, type MHz } from '../base/units.ts';

export interface Fact<T> {
  readonly value: T;
  readonly status: 'documented' | 'derived' | 'fitted' | 'assumed';
  readonly source: string;
}

export interface CommonTarget {
  /** `orin`, `xavier`, `nv_small`, … */
  readonly name: string;
  readonly title: string;
  /**
   * Where a real number becomes an integer and two are equally near: in what enters a network, in its constants, and on orin and
   * xavier in every stage. The shifts of the open NVDLA's integer stages round half away from zero, whatever stands here.
   */
  readonly rounding: Fact<Rounding>;
  /** Input channels × kernels × output pixels that one cycle of the convolution core covers, INT8. */
  readonly atomic: { readonly c: number; readonly k: number; readonly pixels: number };
  /** Bytes of the channels of one pixel that lie side by side in a feature surface. */
  readonly memoryAtom: Bytes;
  readonly cbuf: { readonly banks: number; readonly entryBytes: Bytes; readonly entriesPerBank: number };
  readonly sram: { readonly capacity: Fact<Bytes>; readonly defaultPool: Fact<Bytes> };
  readonly modules: readonly Module[];
  readonly releases: readonly Release[];
}

/** The DLA of Jetson and DRIVE, whose registers and firmware are not public. */
export interface JetsonTarget extends CommonTarget {
  readonly generation: 'orin' | 'xavier';
  /** Convolution pipes of a core, which share its multiply-accumulates: the convolution core, SDP and PDP of a launch. */
  readonly convolutionPipes: Fact<number>;
  /** Bytes that rows of `dla_hwc4` are padded to (docs/hardware/orin.md#formats). */
  readonly imagePitch: Bytes;
}

/** A configuration of the open hardware. */
export interface NvdlaTarget extends CommonTarget {
  readonly generation: 'nvdla';
  /** Properties in which the configurations differ. */
  readonly nvdla: NvdlaFeatures;
}

export type Target = JetsonTarget | NvdlaTarget;

export const isNvdla = (target: Target | undefined): target is NvdlaTarget => target?.generation === 'nvdla';

export interface NvdlaFeatures {
  /** nv_full is the first generation (`v1`); the scalable configurations after it have other register addresses. */
  readonly registers: 'v1' | 'v2';
  readonly precisions: readonly (Precision | 'int16')[];
  /** Kernels of one group for 16-bit weights. */
  readonly kernelGroup16: number;
  /** Signed width of the convolution accumulator. */
  readonly accumulatorBits: number;
  /** SDP's Y unit (element-wise operations between two cubes in 32 bits). */
  readonly elementwise: boolean;
  /** The lookup table of SDP's Y unit. CDP has its own on every configuration. */
  readonly lookupTable: boolean;
  /** Bridge DMA and Rubik. */
  readonly bdma: boolean;
  readonly rubik: boolean;
  /** Elements a cycle: of X1 and X2 each, of Y (0 without one), of PDP and of CDP. */
  readonly throughput: { readonly x: number; readonly y: number; readonly pdp: number; readonly cdp: number };
  /** The interface to main memory (DBB). */
  readonly primaryMemory: MemoryInterface;
  /** The interface to on-chip memory (CVSRAM); absent where a configuration has none. */
  readonly secondaryMemory?: MemoryInterface;
  /** Bits of an address on the memory interfaces. */
  readonly addressBits: 32 | 64;
}

export interface MemoryInterface {
  /** Bytes a cycle. */
  readonly width: Bytes;
  /** Most beats of one burst. */
  readonly burst: number;
  /** Cycles of latency that the read buffers were sized for. */
  readonly latency: number;
}

/** A product that carries the accelerator, e.g. Jetson AGX Orin 64GB. */
export interface Module {
  /** Stable id for the command line: `agx-orin-64gb`. */
  readonly id: string;
  readonly title: string;
  readonly dlaCores: number;
  /** Whether estimates were held against published measurements of this module. */
  readonly validated: boolean;
  readonly powerModes: readonly PowerMode[];
  /** Present for the open NVDLA. */
  readonly system?: NvdlaSystem;
}

/** What the time of an open NVDLA depends on beside clock and bandwidth, in cycles of the core. */
export interface NvdlaSystem {
  /** From a read request to its data, and from written data to its acknowledgement. */
  readonly latency: Fact<Cycles>;
  /** Bursts that one read client of the core can have under way at once. */
  readonly outstanding: Fact<number>;
  /** From the completion of the last layer that a launch waits for to its being enabled: interrupt, driver, registers. */
  readonly launch: Fact<Cycles>;
}

export interface PowerMode {
  /** As nvpmodel names it: `MAXN`, `50W`. */
  readonly name: string;
  /** Of every core, or of the first. */
  readonly dlaClock: Fact<MHz>;
  /** Of the second core, where it has another. */
  readonly secondDlaClock?: Fact<MHz>;
  /** Memory clock of the EMC. */
  readonly emcClock: Fact<MHz>;
  readonly dramBandwidth: Fact<GBps>;
}

/** A software release whose rules decide what runs on the DLA. */
export interface Release {
  /** `JetPack 6.0` */
  readonly name: string;
  readonly tensorrt: readonly [major: number, minor: number, patch: number];
  readonly dla: readonly [major: number, minor: number, patch: number];
}

/**
 * The memory pools of a loadable on Orin and Xavier that have the same size on every target when nobody sets them
 * (docs/hardware/orin.md#memory-pools). That of managed SRAM is the target's own, `sram.defaultPool`.
 */
export interface MemoryPools {
  /** Tensors inside a loadable: `dlaLocalDRAM`. */
  readonly localDram: Bytes;
  /** Weights: `dlaGlobalDRAM`. */
  readonly globalDram: Bytes;
}

export const defaultPools: MemoryPools = { localDram: bytes(2 ** 30), globalDram: bytes(2 ** 29) };

/** As trtexec's `--memPoolSize` calls them. */
export const poolNames: Readonly<Record<keyof MemoryPools, string>> = {
  localDram: 'dlaLocalDRAM',
  globalDram: 'dlaGlobalDRAM',
};

/** A pool is a power of two of bytes, at least 4 KiB. */
export const isPoolSize = (size: number): boolean => size >= 4096 && Number.isInteger(Math.log2(size));

/** The smallest pool, in MiB, that holds so many bytes. */
export const poolFor = (size: number): number => 2 ** Math.ceil(Math.log2(Math.max(size, 4096))) / 2 ** 20;
