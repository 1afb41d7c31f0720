/** The types that the public functions take and give, by name. test/public-types.test.ts holds that none is missing. */

export type { DataType, Precision, PrecisionName } from './base/data-type.ts';
export type { Place } from './base/errors.ts';
export type { Rounding } from './base/rounding.ts';
export type { Bytes, Cycles, GBps, MHz, Microseconds, Unit } from './base/units.ts';
export type { CompilationOptions } from './compile/compilation.ts';
export type { Compiled, CompileOptions as CompilerOptions } from './compile/compile.ts';
export type { InputFormat } from './compile/input-format.ts';
export type { BoardBinding, OutputFormat } from './compile/orin/board/bindings.ts';
export type { Board, BoardOptions } from './compile/orin/board/board.ts';
export type { BoardCommand, BoardFlag, DlaCores } from './compile/orin/board/commands.ts';
export type { Bus, Window as BusWindow } from './device/bus.ts';
export type { HardwareCounts, LookupCounts, SpecialCounts } from './device/engines/reference/nvdla/hardware-counts.ts';
export type {
  Choice as LookupChoice,
  LinearTable,
  LookupTable,
  Slope as TableSlope,
} from './device/engines/reference/nvdla/lookup-table.ts';
export type { StageValues } from './device/engines/reference/stages.ts';
export type { Thread, ThreadSpawner } from './device/engines/wasm/thread-pool.ts';
export type { Cube, Launch, LaunchResult } from './device/launch.ts';
export type { Generation as RegisterGeneration } from './device/nvdla/registers/register-table.ts';
export type { Rubik } from './device/nvdla/rubik.ts';
export type { TraceResult } from './device/nvdla/trace/player.ts';
export type { TraceFiles } from './device/nvdla/trace/recording.ts';
export type { LaunchTotals } from './device/nvdla/trace/run-trace.ts';
export type { Side as TransferSide, Transfer } from './device/nvdla/transfer.ts';
export type { DeviceState, Engines, ImmediateEngines, NvdlaState, QueuedEngines } from './device/state.ts';
export type {
  AsBuilt,
  LayerEstimate,
  PlacedLayer,
  PlacedPart,
  ScheduleTotals,
  StripeLayer,
  StripeTotals,
} from './estimate/estimate-result.ts';
export type { AsBuiltPart, Bindings } from './estimate/orin/as-built.ts';
export type { OrinEngine } from './estimate/orin/engines.ts';
export type { Evidence } from './estimate/orin/evidence.ts';
export type { Sample } from './evaluate/data-set.ts';
export type { Accuracy, EvaluateOptions, TensorDivergence } from './evaluate/evaluate.ts';
export type { BatchOptions } from './evaluate/feed.ts';
export type { Fit } from './evaluate/image.ts';
export type { Attribute, Dim, Node, ValueType } from './graph/graph.ts';
export type { ChannelOrder, Preprocess } from './graph/preprocess.ts';
export type { WeightScales } from './graph/tensor.ts';
export type { DecodeOptions } from './loadable/container.ts';
export type {
  CommonDesc,
  OperationDesc,
  OperationType,
  Surfaces as OperationSurfaces,
} from './loadable/nvdla/format/descriptors.ts';
export type { Codec as DescriptorCodec, Decoded as DecodedFields } from './loadable/nvdla/format/layout.ts';
export type { TensorDesc } from './loadable/nvdla/format/stock-loadable.ts';
export type { LoadableTag, TaggedTensor } from './loadable/nvdla/format/tag.ts';
export type { TaskOperation } from './loadable/nvdla/format/task-descriptors.ts';
export type { LoadableRule } from './loadable/nvdla/validate/findings.ts';
export type { ReadOptions } from './onnx/read.ts';
export type {
  BdmaTransfer,
  Cdp,
  Conv,
  ConvCore,
  Convert,
  Copy,
  Extent,
  Float16Sdp,
  FloatScaleSdp,
  ImageInput as PixelInput,
  IntegerAverage,
  JetsonSdp,
  Layer,
  LinearResize,
  Lookup,
  LookupCurve,
  LookupSlope,
  Lrn,
  Move,
  NearestResize,
  NvdlaSdp,
  Padding,
  Pdp,
  Pipeline,
  PixelCopy,
  PixelGrid,
  PointSteps,
  Resize,
  RubikMove,
  Sdp,
  SdpUnit,
  Softmax,
} from './program/layer.ts';
export type { EngineName, ReadClient } from './program/layers/kind.ts';
export type { Scaling as ResizeScaling } from './program/layers/resize.ts';
export type { ConvolutionPrecision } from './program/nvdla/convolution-buffer.ts';
export type {
  BlobTable,
  ConstantRef,
  DlaSegment,
  HostSegment,
  PlanTensor,
  Program,
  Segment,
} from './program/program.ts';
export type { ElementType, MemoryName, Shape4, Surface, SurfaceFormat } from './program/surface.ts';
export type { CalibrateOptions, Calibration, MeasureOptions, Samples } from './quantize/calibrate.ts';
export type { CalibrationCache } from './quantize/calibration-cache.ts';
export type { MissingScale, Remedy, ScaleCoverage } from './quantize/coverage.ts';
export type { RangeChange } from './quantize/equalize-ranges.ts';
export type { InferredScales } from './quantize/infer-scales.ts';
export type { UnmatchedName } from './quantize/match-names.ts';
export type { QuantizedGraph, Ranges } from './quantize/quantize.ts';
export type { CalibrationMethod } from './quantize/range-of.ts';
export type { StatedScales } from './quantize/stated-scales.ts';
export type { TranslatedFiles, TranslateOptions } from './quantize/translated-files.ts';
export type { LossCause, TensorLoss } from './quantize/tune/loss-causes.ts';
export type { TunedNetwork, TunePoint, Tuning } from './quantize/tune/tune.ts';
export type { CheckJsonOptions } from './report/check-json.ts';
export type { CheckTextOptions } from './report/check-text.ts';
export type { CompileTextOptions } from './report/compile-text.ts';
export type { ScaleCost } from './report/coverage-text.ts';
export type { Change, Gain, MemoryBlock, ReportEdge, ReportNode, SegmentSummary } from './report/report.ts';
export type { SarifOptions } from './report/sarif.ts';
export type { TextOptions } from './report/table.ts';
export type { Asymmetric } from './rewrite/quantization/read-quantization.ts';
export type { AppliedPass, RewriteOptions, RewriteResult } from './rewrite/rewrite.ts';
export type { Dump, DumpWish, RunDifference } from './runtime/dump.ts';
export type { Job, SubmitOptions } from './runtime/job-queue.ts';
export type { Progress as RunProgress } from './runtime/network.ts';
export type { Strides } from './runtime/nvdla/bound-surface.ts';
export type {
  BufferHandle,
  BufferOptions,
  DeviceBuffers,
  Domain as BufferDomain,
  MemoryBases,
} from './runtime/nvdla/device-buffers.ts';
export type { LaunchedOperation } from './runtime/nvdla/dla-task.ts';
export type { KernelDriver } from './runtime/nvdla/kernel-driver.ts';
export type { RecordedTrace, TraceOptions as TraceRecordOptions } from './runtime/nvdla/record-traces.ts';
export type { RecordOptions } from './runtime/nvdla/trace-recorder.ts';
export type { Binding, StockNetwork } from './runtime/nvdla/user-driver.ts';
export type { PropagatedScales } from './support/propagate-scales.ts';
export type { CheckedSegment, Fix, Judgement, Placement, Refusal, Verdict } from './support/verdict.ts';
export type {
  CommonTarget,
  Fact,
  JetsonTarget,
  MemoryInterface,
  MemoryPools,
  Module,
  NvdlaFeatures,
  NvdlaSystem,
  NvdlaTarget,
  PowerMode,
  Release,
  Target,
} from './targets/target.ts';
