/**
 * Hardware layers. A layer is one launch of a *pipeline*, and a pipeline is a chain of stages that hand data on
 * without a surface between them: `conv → sdp → pdp` with any stage absent, or one of the engines that run alone.
 *
 * The stages are generic in how they refer to memory. In a Program they name surfaces (`Layer`, S = surface id); when
 * the firmware launches a layer it binds them to addresses (S = Cube of device/). One definition serves the compiler,
 * the estimator, the printer and the engines.
 *
 * A stage without `input` takes its data from the stage before it; one without `output` hands it to the next.
 *
 * Two arithmetics share these stages (docs/arithmetic.md): `float-scale` on orin and xavier (int32 accumulator, one
 * float32 multiplication per output channel, round half to even) and `integer-scale` on the open NVDLA (multiply,
 * shift, round half away). They differ only in the SDP's parameters, so that stage is a union.
 */

export interface Padding {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

/** Height × width. */
export interface Extent {
  readonly h: number;
  readonly w: number;
}

/**
 * Convolution: acc[k, y, x] = bias[k] + Σ w[k, c, r, s] · in[c, y·stride.h + r·dilation.h − top, x·stride.w + …].
 * Accumulates exactly; bias is added by the SDP on integer-scale targets and here (int32) on float-scale targets.
 */
export interface Conv<S> {
  readonly input: S;
  /** `kcrs` on float-scale targets; NVDLA's packed kernel groups on integer-scale targets. */
  readonly weights: S;
  /** int32 vector at scale (input scale × weight scale); float-scale targets only. */
  readonly bias?: S;
  readonly kernel: Extent;
  readonly stride: Extent;
  readonly dilation: Extent;
  readonly padding: Padding;
  /** What stands in the padding; in the input's integers. */
  readonly padValue: number;
  readonly groups: number;
  /** Deconvolution: out[k, y·stride.h + r, x·stride.w + s] += w[c, k, r, s] · in[c, y, x]; weights `kcrs` hold [C, K/groups, R, S] as ONNX does. */
  readonly transposed: boolean;
  /** Of the accumulator cube, before any pooling. */
  readonly output: { readonly channels: number; readonly height: number; readonly width: number };
  /** The weights are 2:4 sparse along input channels and the layer runs in sparse mode (orin). */
  readonly sparse: boolean;
  /** Right shift with rounding on the way out of the accumulator (CACC truncate); integer-scale targets only. */
  readonly truncate: number;
  /** What only the open NVDLA's convolution core has; present exactly on integer-scale targets. */
  readonly core?: ConvCore;
}

/**
 * How NVDLA's convolution core is set up. The weights of an integer-scale convolution are a `vector` surface: the packed
 * stream of docs/hardware/nvdla.md#layouts, kernel group by kernel group, in which each block of channels follows the last
 * without padding.
 */
export interface ConvCore {
  readonly precision: 'int8' | 'int16' | 'float16';
  /** Kernels whose weights lie interleaved in the stream (atomic K). */
  readonly kernelGroup: number;
  /** Channels of one step of the stream (atomic C). */
  readonly channelBlock: number;
  /**
   * Channels of the accumulator cube: whole atoms, as the stages behind work on them. Those beyond the kernels are 0
   * when they leave the core.
   */
  readonly accumulatorChannels: number;
  /** Signed width at which the accumulator saturates. */
  readonly accumulatorBits: number;
  readonly cbuf: { readonly dataBanks: number; readonly weightBanks: number };
  /** Converts the input on its way into the convolution buffer, to 17 bits and then to the precision. */
  readonly convert?: Convert;
  /** The input is an image: interleaved pixels of one or four components, not features. */
  readonly image?: ImageInput;
  /** Take what an earlier launch kept in the convolution buffer instead of reading memory. */
  readonly reuse: { readonly data: boolean; readonly weights: boolean };
  /** Leave data or weights in the convolution buffer for a later launch. */
  readonly keep: { readonly data: boolean; readonly weights: boolean };
}

/**
 * Pixels on their way into the convolution core. The weight stream takes the pixels under one row of the kernel as the
 * channels of one position.
 */
export interface ImageInput {
  /** For each component that kernels see, its place in a pixel in memory. */
  readonly order: readonly number[];
  /** Bits of components that are unsigned; absent for signed ones. */
  readonly unsigned?: number;
  /** Subtracted by the converter, for each component, instead of its offset. */
  readonly mean?: readonly number[];
  /** Rows of the kernel that one block of the weight stream holds (post-extension). */
  readonly rowsPerBlock: 1 | 2 | 4;
}

/**
 * Single-point stage of float-scale targets. With v the int32 accumulator (after bias) or the int8 input:
 *
 *     t = float32(v) × scale[c]              one float32 multiplication
 *     t = t + shift[c]                       if shift
 *     t = t ∘ (float32(operand) × operandScale)   if operand; ∘ is add, sub, mul, max or min in float32
 *     t = t < 0 ? t × slope[c] : t           if slope
 *     q = clamp(roundHalfEven(t), low, high)
 *     q = lut[q + 128]                       if lut
 *
 * Every step is one IEEE float32 operation; no fused multiply-add.
 */
export interface FloatScaleSdp<S> {
  readonly arithmetic: 'float-scale';
  readonly input?: S;
  /** float32 vector, one element or one per output channel. */
  readonly scale: S;
  /** float32 vector, one element or one per output channel. */
  readonly shift?: S;
  readonly operand?: {
    readonly op: 'add' | 'sub' | 'mul' | 'max' | 'min';
    /** int8 surface of the output's shape, or with H = W = 1 (one element per channel), broadcast. */
    readonly input: S;
    readonly scale: number;
  };
  /** float32 vector, one element (LeakyRelu) or one per channel (PRelu). */
  readonly slope?: S;
  /** Integers in [-128, 127]: Relu is low 0; Clip has both. */
  readonly low: number;
  readonly high: number;
  /** int8 vector of 256 entries, for the integers −128 … 127. */
  readonly lut?: S;
  readonly output?: S;
}

/** One of SDP's X1, X2, Y sub-units on integer-scale targets (docs/hardware/nvdla.md#sdp). */
export interface SdpUnit<S> {
  readonly alu?: 'max' | 'min' | 'sum' | 'equal';
  readonly mul: boolean;
  /** Where the operand comes from: one for all, one per channel, or one per point. */
  readonly source: 'layer' | 'kernel' | 'point';
  readonly operand?: S;
  /** Used when source is `layer`. */
  readonly aluOperand: number;
  readonly mulOperand: number;
  /** Left shift of the ALU operand (X1, X2). */
  readonly aluShift: number;
  /** Right shift with rounding after the multiplication. */
  readonly truncate: number;
  readonly activation: 'none' | 'relu' | 'prelu' | 'lut';
  /** What follows the multiplication where that is a PReLU. */
  readonly afterPrelu?: 'relu' | 'lut';
  /** Operand converters of Y: (operand − offset) × scale >> shift. */
  readonly aluConvert?: Convert;
  readonly mulConvert?: Convert;
  /** What `operand` holds; `both` interleaves a pair for each element, the ALU's first. Absent without `operand`. */
  readonly operandUse?: 'alu' | 'mul' | 'both';
  /** The ALU takes `aluOperand` although `operand` is there for the multiplier. */
  readonly aluFromRegister?: boolean;
  /** The multiplier takes `mulOperand` although `operand` is there for the ALU. */
  readonly mulFromRegister?: boolean;
}

/** Whether what leaves the unit goes through the lookup table. */
export const looksUp = (unit: SdpUnit<unknown> | undefined): boolean =>
  unit?.activation === 'lut' || unit?.afterPrelu === 'lut';

export interface Convert {
  readonly offset: number;
  readonly scale: number;
  readonly shift: number;
}

/** Single-point stage of integer-scale targets: X1, X2, Y, then the output converter. */
export interface IntegerScaleSdp<S> {
  readonly arithmetic: 'integer-scale';
  readonly input?: S;
  readonly x1?: SdpUnit<S>;
  readonly x2?: SdpUnit<S>;
  readonly y?: SdpUnit<S>;
  readonly convert: Convert;
  /** The table that Y's activation `lut` looks up, in a Program. On a device it is in memories and registers that outlive a launch. */
  readonly lookup?: Lookup<S>;
  /**
   * Absent: the units compute in integers. `float`: in float32, on float16 operands (nv_full); operands in registers are
   * bit patterns, of float16 in X1 and X2 and of float32 in Y, and shifts and converters are not used.
   */
  readonly processing?: 'float';
  /** What the results saturate to, also where they go on to pooling. */
  readonly outputType: 'int8' | 'int16' | 'float16';
  readonly output?: S;
}

export type Sdp<S> = FloatScaleSdp<S> | IntegerScaleSdp<S>;

/**
 * Pooling. `average` divides by the number of cells: all of the kernel's (`countPadding`) or those inside the image.
 * On float-scale targets the int32 sum is converted and multiplied by float32(1/count), rounded half to even.
 */
export interface Pdp<S> {
  readonly input?: S;
  readonly mode: 'max' | 'min' | 'average';
  readonly kernel: Extent;
  readonly stride: Extent;
  readonly padding: Padding;
  readonly countPadding: boolean;
  /** How an average is taken on integer-scale targets; absent on float-scale ones. */
  readonly average?: IntegerAverage;
  readonly output: S;
}

/**
 * The reciprocals are 16-bit fractions, or on float16 the hardware's 17-bit floats; `padValues[n − 1]` is what n padded
 * columns add to the sum.
 */
export interface IntegerAverage {
  readonly recipWidth: number;
  readonly recipHeight: number;
  readonly padValues: readonly number[];
}

/**
 * Local response normalization (NVDLA's cross-channel data processor), integer-scale targets only: a value, converted
 * on the way in, is multiplied by the table's value at the sum of the squares of `localSize` channels around it.
 */
export interface Cdp<S> {
  readonly input: S;
  readonly localSize: 3 | 5 | 7 | 9;
  readonly inputConvert: Convert;
  readonly outputConvert: Convert;
  /** Index the table with the value itself. */
  readonly bypassSquareSum: boolean;
  /** Give out the table's value itself. */
  readonly bypassMultiply: boolean;
  /** In a Program; on a device the table is in memories and registers that outlive a launch. */
  readonly lookup?: Lookup<S>;
  readonly output: S;
}

/** A straight line beyond the end of a table. Of float16 processing, `scale` is the bits of a float16 and `shift` is 0. */
export interface LookupSlope {
  readonly scale: number;
  /** Right shift; negative shifts left. */
  readonly shift: number;
}

/**
 * The two tables of SDP's Y unit or of CDP (docs/hardware/nvdla.md#lookup-tables): LE with 65 entries, exponentially or
 * evenly spaced, and LO with 257 evenly spaced ones. Of float16 processing, entries are bits of float16 and ends bits of
 * float32.
 */
export interface Lookup<S> {
  readonly le: LookupCurve<S> & {
    readonly spacing: 'exponential' | 'linear';
    /** log2 of the distance of the first entry from the start when exponential, of the distance between entries when linear. */
    readonly exponent: number;
  };
  readonly lo: LookupCurve<S> & { /** log2 of the distance between entries. */ readonly exponent: number };
  /** Which table answers where both underflow, where both overflow, and where both or neither are hit. */
  readonly underflowPriority: 'le' | 'lo';
  readonly overflowPriority: 'le' | 'lo';
  readonly hybridPriority: 'le' | 'lo';
}

export interface LookupCurve<S> {
  /** int16 or float16 vector. */
  readonly entries: S;
  readonly start: number;
  readonly end: number;
  readonly underflow: LookupSlope;
  readonly overflow: LookupSlope;
}

/**
 * Rubik (nv_full) rearranges cubes. *Contract* makes an image out of the channels of a deconvolution: input channels come
 * in stride.w · stride.h runs of whole atoms, one for each position in a block of output pixels. *Split* takes a feature
 * cube apart into planes (`dla_linear`), one a channel, and *merge* puts planes together.
 */
export interface RubikMove<S> {
  readonly mode: 'contract' | 'split' | 'merge';
  readonly input: S;
  readonly output: S;
  /** Contract only; 1 × 1 otherwise. */
  readonly stride: Extent;
}

/** Every step-th row and column from a first one on. */
export interface PixelGrid {
  readonly row: number;
  readonly column: number;
  readonly step: Extent;
}

/**
 * Pixels of one surface at other pixels of another, unchanged: what a deconvolution or an enlargement is put together by where
 * there is no Rubik, and what cuts and joins along rows and columns. It is a pass through SDP. Where it steps over columns, the
 * cubes are others than the surfaces': columns are their lines and rows their channels, so that both have strides.
 */
export interface PixelCopy<S> {
  readonly input: S;
  readonly inputChannel: number;
  readonly from: PixelGrid;
  readonly output: S;
  readonly outputChannel: number;
  readonly to: PixelGrid;
  /** Of one atom where it steps over columns. */
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
}

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

/** Up-scaling by whole factors (orin). Linear is half-pixel: integer weights over 2·scale, one rounding at the end. */
export interface Resize<S> {
  readonly input: S;
  readonly mode: 'nearest' | 'linear';
  /** Nearest only: which source pixel (docs/hardware/orin.md#resize). */
  readonly coordinates: 'asymmetric' | 'half_pixel';
  readonly rounding: 'floor' | 'half_down' | 'half_up';
  readonly scale: Extent;
  readonly output: S;
}

/** Moves channels [inputChannel, inputChannel + channels) of input to [outputChannel, …) of output, unchanged. */
export interface Copy<S> {
  readonly input: S;
  readonly inputChannel: number;
  readonly outputChannel: number;
  readonly channels: number;
  readonly output: S;
}

export type Pipeline<S> =
  | { readonly kind: 'conv'; readonly conv: Conv<S>; readonly sdp: Sdp<S>; readonly pdp?: Pdp<S> }
  | { readonly kind: 'sdp'; readonly sdp: Sdp<S>; readonly pdp?: Pdp<S> }
  | { readonly kind: 'pdp'; readonly pdp: Pdp<S> }
  | { readonly kind: 'cdp'; readonly cdp: Cdp<S> }
  | { readonly kind: 'resize'; readonly resize: Resize<S> }
  | { readonly kind: 'copy'; readonly copy: Copy<S> };

/** What only moves bytes and only the open NVDLA has: no engine computes. */
export type Move<S> =
  | { readonly kind: 'pixels'; readonly pixels: PixelCopy<S> }
  | { readonly kind: 'rubik'; readonly rubik: RubikMove<S> }
  | { readonly kind: 'bdma'; readonly transfers: readonly BdmaTransfer<S>[] };

/** A hardware layer of a Program: a pipeline or a move over surface ids. */
export type Layer = (Pipeline<number> | Move<number>) & {
  /** Index in Program.layers. */
  readonly id: number;
  /** The name of the last ONNX node it stands for. Unique in the Program. */
  readonly name: string;
  /** Every node of the original model that it stands for, in graph order. */
  readonly origin: readonly string[];
  /** Layers that must be complete before this one starts. */
  readonly after: readonly number[];
};
