/**
 * The records that the firmware executes (nvdla/sw `dla_interface.h`), with every field, reserved ones too, so that
 * decoding loses nothing. Interface 0.10 differs from 0.12 in one thing: its data cubes have no `offset`.
 */

import { array, type Codec, type Decoded, i8, i16, i32, i64, record, u8, u16, u32, u64 } from './layout.ts';

export const operationTypes = ['bdma', 'conv', 'sdp', 'pdp', 'cdp', 'rubik'] as const;
export type OperationType = (typeof operationTypes)[number];

export const networkDesc = record({
  operationDescIndex: i16,
  surfaceDescIndex: i16,
  dependencyGraphIndex: i16,
  lutDataIndex: i16,
  roiArrayIndex: i16,
  surfaceIndex: i16,
  statListIndex: i16,
  reserved1: i16,
  /** The first operation of each type, or −1. */
  opHead: array(i16, 6),
  numRois: u16,
  numOperations: u16,
  numLuts: u16,
  numAddresses: u16,
  inputLayer: i16,
  dynamicRoi: u8,
  reserved0: u8,
});

export const eventNames = {
  1: 'completed',
  2: 'programmed',
  3: 'enabled',
  4: 'weights fetched',
  5: 'data fetched',
} as const;
export const events = { completed: 1, programmed: 2, enabled: 3, weightsFetched: 4, dataFetched: 5 } as const;

const consumer = record({ index: i16, event: u8, reserved: u8 });

export const commonDesc = record({
  index: i16,
  roiIndex: i8,
  opType: u8,
  dependencyCount: u8,
  reserved0: array(u8, 3),
  /** By operation type: the operation that waits for an event of this one. That of its own type is the engine's next. */
  consumers: array(consumer, 6),
  fusedParent: consumer,
});

const convert = record({ scale: i16, truncate: u8, enable: u8, offset: i32 });

export const convOp = record({
  convMode: u8,
  dataReuse: u8,
  weightReuse: u8,
  skipDataRelease: u8,
  skipWeightRelease: u8,
  reserved0: u8,
  entryPerSlice: u16,
  dataFormat: u8,
  pixelMapping: u8,
  fetchGrain: u16,
  reservedB: array(u8, 8),
  batch: u8,
  weightFormat: u8,
  dataBank: u8,
  weightBank: u8,
  batchStride: u32,
  postExtension: u8,
  pixelOverride: u8,
  release: u16,
  inputWidthCsc: u16,
  inputHeightCsc: u16,
  inputChannelCsc: u16,
  kernelWidthCsc: u16,
  kernelHeightCsc: u16,
  kernelChannelCsc: u16,
  /** The width and height of the output. */
  inputWidthCmac: u16,
  inputHeightCmac: u16,
  bytesPerKernel: u32,
  meanRy: i16,
  meanGu: i16,
  meanBv: i16,
  meanAx: i16,
  meanFormat: u8,
  convStrideX: u8,
  convStrideY: u8,
  padLeft: u8,
  padRight: u8,
  padTop: u8,
  padBottom: u8,
  dilationX: u8,
  dilationY: u8,
  reserved2: array(u8, 2),
  praTruncate: u8,
  inPrecision: u8,
  outPrecision: u8,
  padValue: i16,
  inConvert: convert,
  outConvert: convert,
});

const sdpUnit = record({
  enable: u8,
  /** 0 max, 1 min, 2 sum, 3 equal. */
  aluType: u8,
  /** 0 none, 1 multiply, 2 add, 3 both. */
  type: u8,
  /** 0 one for the layer, 1 for each kernel, 2 for each point. */
  mode: u8,
  /** 0 none, 1 ReLU, 2 lookup table, 3 PReLU. */
  activation: u8,
  shift: u8,
  truncate: u8,
  precision: u8,
  aluOperand: i32,
  mulOperand: i32,
  aluConvert: convert,
  mulConvert: convert,
});

export const sdpOp = record({
  srcPrecision: u8,
  dstPrecision: u8,
  lutIndex: i16,
  outConvert: convert,
  convMode: u8,
  batch: u8,
  reserved0: u16,
  batchStride: u32,
  x1: sdpUnit,
  x2: sdpUnit,
  y: sdpUnit,
});

export const pdpOp = record({
  partialInWidthFirst: u16,
  partialInWidthMid: u16,
  partialInWidthLast: u16,
  partialWidthFirst: u16,
  partialWidthMid: u16,
  partialWidthLast: u16,
  splitNum: u8,
  /** 0 average, 1 max, 2 min. */
  mode: u8,
  /** Kernel sizes less one. */
  width: u8,
  height: u8,
  strideX: u8,
  strideY: u8,
  padLeft: u8,
  padRight: u8,
  padTop: u8,
  padBottom: u8,
  precision: u8,
  reserved0: u8,
  padValues: array(i32, 7),
});

export const cdpOp = record({
  inPrecision: u8,
  outPrecision: u8,
  lutIndex: i16,
  inConvert: convert,
  outConvert: convert,
  localSize: u8,
  bypassSquareSum: u8,
  bypassMultiply: u8,
  reserved0: u8,
});

const rubikOp = record({ mode: u8, precision: u8, strideX: u8, strideY: u8 });
const bdmaOp = record({ numTransfers: u16, reserved0: u16 });

/** Every operation takes as many bytes as the largest. */
export const operationSize = 116;
export const surfaceSize = 644;

const offsetWidth = { 10: false, 12: true } as const;

/** Interface 0.10 or 0.12. */
export type InterfaceMinor = keyof typeof offsetWidth;

export interface DataCube {
  /** 0 primary memory, 1 secondary memory, 2 handed over in hardware. */
  readonly type: number;
  /** Position in the task's address list, or −1. */
  readonly address: number;
  /** Bytes; 0 in interface 0.10. */
  readonly offset: number;
  readonly size: number;
  readonly width: number;
  readonly height: number;
  readonly channel: number;
  readonly reserved0: number;
  readonly lineStride: number;
  readonly surfaceStride: number;
  readonly planeStride: number;
}

const cubeEnd = {
  size: u32,
  width: u16,
  height: u16,
  channel: u16,
  reserved0: u16,
  lineStride: u32,
  surfaceStride: u32,
  planeStride: u32,
} as const;

const cube12: Codec<DataCube> = record({ type: u16, address: i16, offset: u32, ...cubeEnd });
const shortCube = record({ type: u16, address: i16, ...cubeEnd });
const cube10: Codec<DataCube> = {
  size: shortCube.size,
  read: (view, at) => ({ ...shortCube.read(view, at), offset: 0 }),
  write: (view, at, value) => shortCube.write(view, at, value),
};

const transfer = record({
  sourceAddress: i16,
  destinationAddress: i16,
  lineSize: u32,
  lineRepeat: u32,
  sourceLine: u32,
  destinationLine: u32,
  surfaceRepeat: u32,
  sourceSurface: u32,
  destinationSurface: u32,
});

/** The surface records of one interface version. */
const surfacesOf = (cube: Codec<DataCube>) => ({
  bdma: record({ sourceType: u8, destinationType: u8, numTransfers: u16, transfers: array(transfer, 20) }),
  conv: record({
    weight: cube,
    wmb: cube,
    wgs: cube,
    src: cube,
    dst: cube,
    offsetU: i64,
    inLineUvStride: u32,
  }),
  sdp: record({ src: cube, x1: cube, x2: cube, y: cube, dst: cube }),
  pdp: record({ src: cube, dst: cube }),
  cdp: record({ src: cube, dst: cube }),
  rubik: record({ src: cube, dst: cube }),
});

export const surfaceDescs = { 10: surfacesOf(cube10), 12: surfacesOf(cube12) } as const;

export const operationDescs = {
  bdma: bdmaOp,
  conv: convOp,
  sdp: sdpOp,
  pdp: pdpOp,
  cdp: cdpOp,
  rubik: rubikOp,
} as const;

const slope = record({ scale: i16, shift: i8, reserved0: u8 });

export const lutParam = record({
  linearExpTable: array(i16, 65),
  linearOnlyTable: array(i16, 257),
  /** The first byte is an exponent's offset or a number of fraction bits; the second is unused. */
  linearExpOffset: i8,
  reserved0: u8,
  linearOnlyOffset: i8,
  reserved1: u8,
  linearExpStart: u64,
  linearExpEnd: u64,
  linearOnlyStart: u64,
  linearOnlyEnd: u64,
  linearExpUnderflow: slope,
  linearExpOverflow: slope,
  linearOnlyUnderflow: slope,
  linearOnlyOverflow: slope,
  hybridPriority: u8,
  underflowPriority: u8,
  overflowPriority: u8,
  /** 0 exponential, 1 linear. */
  method: u8,
});

export type NetworkDesc = Decoded<typeof networkDesc>;
export type CommonDesc = Decoded<typeof commonDesc>;
export type Consumer = Decoded<typeof consumer>;
export type ConvertParam = Decoded<typeof convert>;
export type ConvOp = Decoded<typeof convOp>;
export type SdpOp = Decoded<typeof sdpOp>;
export type SdpUnitOp = Decoded<typeof sdpUnit>;
export type PdpOp = Decoded<typeof pdpOp>;
export type CdpOp = Decoded<typeof cdpOp>;
export type LutParam = Decoded<typeof lutParam>;
export type Surfaces = (typeof surfaceDescs)[12];

/** One operation: what it does and where its data lies, by type. */
export type OperationDesc = {
  [T in OperationType]: {
    readonly type: T;
    readonly op: Decoded<(typeof operationDescs)[T]>;
    readonly surfaces: Decoded<Surfaces[T]>;
  };
}[OperationType];
