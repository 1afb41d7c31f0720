/**
 * How many inputs the operators of ONNX's default domain take, over opsets 7–27: `[required, most]`. The operators
 * of the specification (onnx/onnx, Operators.md and Changelog.md); where versions differ, the widest range.
 */

const unlimited = Number.POSITIVE_INFINITY;

type Arity = readonly [required: number, most: number];

const of = (arity: Arity, operators: string): (readonly [string, Arity])[] =>
  operators.split(/\s+/).map((operator) => [operator, arity] as const);

export const arity: ReadonlyMap<string, Arity> = new Map([
  ...of([0, 0], 'Constant RandomNormal RandomUniform'),
  ...of(
    [1, 1],
    `Abs Acos Acosh Asin Asinh Atan Atanh AveragePool Cast Ceil Celu ConstantOfShape Cos Cosh DepthToSpace Elu Erf Exp
    EyeLike Flatten Floor Gelu GlobalAveragePool GlobalLpPool GlobalMaxPool HardSigmoid HardSwish Hardmax Identity IsInf
    IsNaN LRN LeakyRelu Log LogSoftmax LpNormalization LpPool MaxPool MeanVarianceNormalization Mish Multinomial Neg
    NonZero Not RandomNormalLike RandomUniformLike Reciprocal Relu Round Selu Shape Shrink Sigmoid Sign Sin Sinh Size
    BitwiseNot Softmax Softplus Softsign SpaceToDepth Sqrt Swish Tan Tanh ThresholdedRelu Transpose ArgMax ArgMin If Bernoulli Det Optional`,
  ),
  ...of(
    [1, 2],
    `ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare
    Split Squeeze Unsqueeze Upsample TopK Trilu`,
  ),
  ...of([1, 3], 'Clip Dropout'),
  ...of([1, 4], 'Pad Resize'),
  ...of([1, 5], 'Slice'),
  ...of(
    [2, 2],
    `Add And BitShift BitwiseAnd BitwiseOr BitwiseXor CastLike Compress CumSum Div Equal Expand Gather GatherElements GatherND Greater GreaterOrEqual
    Less LessOrEqual MatMul Mod Mul Or PRelu Pow Reshape Sub Tile Xor GridSample AffineGrid ReverseSequence`,
  ),
  ...of([2, 3], 'Conv ConvTranspose Gemm MaxUnpool LayerNormalization QuantizeLinear DequantizeLinear'),
  ...of([2, 4], 'ConvInteger MatMulInteger'),
  ...of([2, 5], 'NonMaxSuppression'),
  ...of(
    [3, 3],
    'GroupNormalization InstanceNormalization OneHot Range RoiAlign Scatter ScatterElements ScatterND Where',
  ),
  ...of([3, 5], 'DeformConv'),
  ...of([3, 6], 'GRU RNN'),
  ...of([3, 8], 'LSTM'),
  ...of([5, 5], 'BatchNormalization'),
  ...of([8, 8], 'QLinearMatMul'),
  ...of([8, 9], 'QLinearConv'),
  ...of([1, unlimited], 'Concat Einsum Max Mean Min Sum'),
]);
