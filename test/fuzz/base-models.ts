/**
 * The models that mutants are made of: small, and together with every operator that some room treats in a way of its own,
 * every way of storing a tensor, and opsets from 7 to 22.
 */

import type { Graph } from '../../src/graph/graph.ts';
import { float32Tensor, int64Tensor, type Tensor } from '../../src/graph/tensor.ts';
import { float, GraphBuilder, int, ints, text } from '../../src/models/graph-builder.ts';
import { writeModel } from '../../src/onnx/write.ts';
import { type Field, parseTree, writeTree } from './onnx-tree.ts';

export interface BaseModel {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly external?: ReadonlyMap<string, Uint8Array>;
}

/** A residual block, pooling and a classifier. */
function residual(opset: number): Graph {
  const b = new GraphBuilder('residual', { seed: 3, opset });
  const x = b.input('image', [1, 3, 12, 12]);
  const stem = b.relu(b.batchNorm(b.conv(x, { channels: 8, kernel: 3, padding: 1, bias: false })));
  const pooled = b.maxPool(stem, { kernel: 3, stride: 2, padding: 1 });
  const branch = b.relu(b.conv(pooled, { channels: 8, kernel: 3, padding: 1 }));
  const sum = b.relu(b.add(b.conv(branch, { channels: 8, kernel: 1 }), pooled));
  b.output(b.gemm(b.flatten(b.globalAveragePool(sum)), 10));
  return b.build();
}

/** Groups, dilation, deconvolution, concatenation, resizing, splitting and lookup-table activations. */
function branches(): Graph {
  const b = new GraphBuilder('branches', { seed: 5 });
  const x = b.input('image', [2, 4, 8, 8]);
  const wide = b.clip(b.conv(x, { channels: 40, kernel: [3, 1], padding: [1, 0, 1, 0] }), 0, 6);
  const depthwise = b.unary('Sigmoid', b.conv(wide, { channels: 40, kernel: 3, padding: 2, dilation: 2, groups: 40 }));
  const [first, second] = b.split(b.conv(depthwise, { channels: 12, kernel: 1, groups: 2 }), [5, 7]) as [
    string,
    string,
  ];
  const up = b.resize(b.averagePool(first, { kernel: 2, stride: 2 }), [2, 2]);
  const linear = b.resize(b.maxPool(second, { kernel: 2, stride: 2 }), [2, 2], 'linear');
  const joined = b.concat([up, linear, b.unary('Tanh', x)]);
  const back = b.convTranspose(joined, { channels: 6, kernel: 2, stride: 2 });
  const slope = b.constant('slope', float32Tensor([6, 1, 1], [0.1, 0.2, 0.3, -0.1, 0, 1]));
  const leaky = b.unary('LeakyRelu', b.node('PRelu', [back, slope], [b.shape(back)])[0]!, { alpha: float(0.2) });
  b.output(b.binary('Mul', leaky, b.constant('half', float32Tensor([], [0.5]))), b.unary('HardSwish', up));
  return b.build();
}

/** Shape arithmetic on a symbolic batch. */
function shapes(): Graph {
  const b = new GraphBuilder('shapes', { seed: 7, opset: 13 });
  const x = b.input('image', [1, 4, 6, 6]);
  const feature = b.conv(x, { channels: 6, kernel: 1 });
  const constant = (name: string, values: readonly number[], shape: readonly number[] = [values.length]) =>
    b.constant(name, int64Tensor(shape, values));
  const shape = b.node('Shape', [feature], [[4]])[0]!;
  const batch = b.node('Gather', [shape, constant('zero', [0], [])], [[]], { axis: int(0) })[0]!;
  const row = b.node('Unsqueeze', [batch, constant('axis', [0])], [[1]])[0]!;
  const target = b.node('Concat', [row, constant('rest', [-1])], [[2]], { axis: int(0) })[0]!;
  const flat = b.node('Reshape', [feature, target], [[1, 216]])[0]!;
  const wide = b.node(
    'MatMul',
    [flat, b.constant('w', float32Tensor([216, 5], b.random.symmetric(1080, 0.1)))],
    [[1, 5]],
  )[0]!;
  const sliced = b.node(
    'Slice',
    [
      feature,
      constant('starts', [1, -4]),
      constant('ends', [2 ** 31, 9e15]),
      constant('axes', [1, 3]),
      constant('steps', [2, 1]),
    ],
    [[1, 3, 6, 4]],
  )[0]!;
  const turned = b.node('Transpose', [sliced], [[1, 6, 4, 3]], { perm: ints([0, 2, 3, 1]) })[0]!;
  const mean = b.node('ReduceMean', [feature], [[1, 6, 1, 1]], { axes: ints([2, 3]), keepdims: int(1) })[0]!;
  b.output(b.node('Softmax', [wide], [[1, 5]], { axis: int(-1) })[0]!, turned, mean);
  return symbolicBatch(b.build());
}

/** What constant folding computes: filled, tiled, ranged, padded, selected and cast constants. */
function folding(): Graph {
  const b = new GraphBuilder('folding', { seed: 9, opset: 17 });
  const x = b.input('image', [1, 4, 5, 5]);
  const constant = (name: string, values: readonly number[], shape: readonly number[] = [values.length]) =>
    b.constant(name, int64Tensor(shape, values));
  const filled = b.node('ConstantOfShape', [constant('size', [1, 4, 5, 5])], [[1, 4, 5, 5]], {
    value: { kind: 'tensor', value: float32Tensor([1], [0.25]) },
  })[0]!;
  const range = b.node(
    'Range',
    [constant('from', [0], []), constant('to', [20], []), constant('by', [4], [])],
    [[5]],
  )[0]!;
  const cast = b.node('Cast', [range], [[5]], { to: int(1) })[0]!;
  const tiled = b.node('Tile', [cast, constant('times', [5])], [[25]])[0]!;
  const plane = b.node('Reshape', [tiled, constant('plane', [1, 1, 5, 5])], [[1, 1, 5, 5]])[0]!;
  const expanded = b.node('Expand', [plane, constant('full', [1, 4, 5, 5])], [[1, 4, 5, 5]])[0]!;
  const bigger = b.node('Greater', [expanded, filled], [[1, 4, 5, 5]])[0]!;
  const chosen = b.node('Where', [bigger, expanded, filled], [[1, 4, 5, 5]])[0]!;
  const root = b.node('Sqrt', [chosen], [[1, 4, 5, 5]])[0]!;
  const square = b.node('Pow', [root, b.constant('two', float32Tensor([], [2]))], [[1, 4, 5, 5]])[0]!;
  const found = b.node('NonZero', [constant('mask', [1, 0, 1])], [[1, 2]])[0]!;
  const picked = b.node(
    'Gather',
    [b.constant('table', float32Tensor([3, 4], b.random.symmetric(12, 1))), found],
    [[1, 2, 4]],
  )[0]!;
  const scale = b.node('ReduceSum', [picked, constant('both', [0, 1])], [[4]], { keepdims: int(0) })[0]!;
  const padded = b.node(
    'Pad',
    [b.binary('Add', x, square), constant('pads', [0, 0, 1, 1, 0, 0, 1, 1])],
    [[1, 4, 7, 7]],
    {
      mode: text('constant'),
    },
  )[0]!;
  const conv = b.conv(padded, { channels: 4, kernel: 3 });
  const four = b.node('Reshape', [scale, constant('four', [1, 4, 1, 1])], [[1, 4, 1, 1]])[0]!;
  b.output(b.binary('Div', b.binary('Mul', conv, four), b.constant('three', float32Tensor([], [3]))));
  return b.build();
}

/** A branch on a constant, with a capture, a constant and a graph in it. */
function conditional(): Graph {
  const b = new GraphBuilder('conditional', { seed: 11, opset: 16 });
  const x = b.input('image', [1, 4, 4, 4]);
  const y = b.conv(x, { channels: 4, kernel: 1 });
  const branch = (name: string, op: string): Graph => {
    const inner = new GraphBuilder(name, { seed: 1, opset: 16 });
    const half = inner.constant(`${name}.half`, float32Tensor([1, 4, 1, 1], [0.5, 1, 2, -1]));
    inner.output(inner.node(op, [y, half], [[1, 4, 4, 4]])[0]!);
    return inner.build();
  };
  const condition: Tensor = { dtype: 'bool', shape: [], bytes: Uint8Array.of(1) };
  const then = { kind: 'graph', value: branch('then', 'Mul') } as const;
  const otherwise = { kind: 'graph', value: branch('else', 'Add') } as const;
  const constant = b.node('Constant', [], [[]], { value: { kind: 'tensor', value: condition } })[0]!;
  const chosen = b.node('If', [constant], [[1, 4, 4, 4]], { then_branch: then, else_branch: otherwise })[0]!;
  const dynamic = b.node('Cast', [b.node('ReduceMax', [y], [[]], { keepdims: int(0) })[0]!], [[]], { to: int(9) })[0]!;
  const late = b.node('If', [dynamic], [[1, 4, 4, 4]], { then_branch: then, else_branch: otherwise })[0]!;
  b.output(b.relu(b.add(chosen, late)));
  return b.build();
}

/** Quantize and dequantize, per tensor and per channel. */
function fakeQuantized(): Graph {
  const b = new GraphBuilder('fake-quantized', { seed: 13, opset: 19 });
  const x = b.input('image', [1, 4, 6, 6]);
  const scale = b.constant('x.scale', float32Tensor([], [0.02]));
  const zero = b.constant('x.zero', { dtype: 'int8', shape: [], bytes: Uint8Array.of(0) });
  const bytes = new Uint8Array(8 * 4).map((_, index) => (index * 37) & 255);
  const weights = b.constant('w', { dtype: 'int8', shape: [8, 4, 1, 1], bytes });
  const scales = b.constant('w.scale', float32Tensor([8], b.random.symmetric(8, 0.01).map(Math.abs)));
  const zeros = b.constant('w.zero', { dtype: 'int8', shape: [8], bytes: new Uint8Array(8) });
  const real = b.node('DequantizeLinear', [weights, scales, zeros], [[8, 4, 1, 1]], { axis: int(0) })[0]!;
  const around = (value: string): string =>
    b.node(
      'DequantizeLinear',
      [b.node('QuantizeLinear', [value, scale, zero], [b.shape(value)])[0]!, scale, zero],
      [b.shape(value)],
    )[0]!;
  const conv = b.node('Conv', [around(x), real], [[1, 8, 6, 6]], { kernel_shape: ints([1, 1]) })[0]!;
  b.output(around(b.relu(conv)));
  return b.build();
}

/** As exporters of 2017 wrote: attributes where inputs are today. */
function old(): Graph {
  const b = new GraphBuilder('old', { seed: 15, opset: 7 });
  const x = b.input('image', [1, 4, 6, 6]);
  const conv = b.conv(x, { channels: 6, kernel: 3, padding: 1 });
  const clip = b.node('Clip', [conv], [[1, 6, 6, 6]], { min: float(0), max: float(6) })[0]!;
  const drop = b.node('Dropout', [clip], [[1, 6, 6, 6]], { ratio: float(0.5) })[0]!;
  const up = b.node('Upsample', [drop], [[1, 6, 12, 12]], {
    scales: { kind: 'floats', value: [1, 1, 2, 2] },
    mode: text('nearest'),
  })[0]!;
  const pad = b.node('Pad', [up], [[1, 6, 14, 14]], {
    pads: ints([0, 0, 1, 1, 0, 0, 1, 1]),
    mode: text('constant'),
  })[0]!;
  const shuffled = b.node('SpaceToDepth', [pad], [[1, 24, 7, 7]], { blocksize: int(2) })[0]!;
  const normal = b.node('LRN', [shuffled], [[1, 24, 7, 7]], {
    size: int(5),
    alpha: float(1e-4),
    beta: float(0.75),
  })[0]!;
  const same = b.node('MaxPool', [normal], [[1, 24, 4, 4]], {
    kernel_shape: ints([2, 2]),
    strides: ints([2, 2]),
    auto_pad: text('SAME_UPPER'),
  })[0]!;
  b.output(b.node('Squeeze', [b.globalAveragePool(same)], [[1, 24]], { axes: ints([2, 3]) })[0]!);
  return b.build();
}

function symbolicBatch(graph: Graph): Graph {
  const [input = ''] = graph.inputs;
  const type = graph.values.get(input)!;
  const shape = ['batch', ...type.shape!.slice(1)];
  // Shapes that the builder worked out for batch 1 would contradict the symbol.
  return {
    ...graph,
    values: new Map([
      ...[...graph.constants.keys()].map((name) => [name, graph.values.get(name)!] as const),
      [input, { ...type, shape }],
      ...graph.outputs.map((name) => [name, { dtype: 'float32' as const }] as const),
    ]),
  };
}

type Message = Extract<Field, { readonly kind: 'message' }>;

/** Changes how the initializers of a model are stored. */
function restored(bytes: Uint8Array, store: (tensor: Message, raw: Uint8Array, index: number) => void): Uint8Array {
  const tree = parseTree(bytes);
  const graph = tree.find((field): field is Message => field.kind === 'message' && field.type === 'Graph')!;
  for (const [index, tensor] of graph.fields.entries()) {
    if (tensor.kind !== 'message' || tensor.type !== 'Tensor') continue;
    const at = tensor.fields.findIndex(({ number }) => number === tensorFields.raw);
    const raw = tensor.fields[at];
    if (raw?.kind !== 'bytes') continue;
    tensor.fields.splice(at, 1);
    store(tensor, raw.value, index);
  }
  return writeTree(tree);
}

const tensorFields = { dataType: 2, floats: 4, int64s: 7, raw: 9, externalData: 13, dataLocation: 14 } as const;

/** Weights in typed fields. */
const typedData = (bytes: Uint8Array): Uint8Array =>
  restored(bytes, (tensor, raw) => {
    const type = tensor.fields.find(({ number }) => number === tensorFields.dataType);
    if (type?.kind === 'varint' && type.value === 7n) {
      const values = Array.from(new BigInt64Array(raw.slice().buffer), (value) => BigInt.asUintN(64, value));
      tensor.fields.push({ number: tensorFields.int64s, kind: 'packed', values });
    } else
      tensor.fields.push({
        number: type?.kind === 'varint' && type.value === 1n ? tensorFields.floats : tensorFields.raw,
        kind: 'bytes',
        value: raw,
      });
  });

/** Weights in two files beside the model. */
export function externalData(bytes: Uint8Array): Required<Omit<BaseModel, 'name'>> {
  const files = new Map<string, number[]>([
    ['weights.bin', []],
    ['sub/more.bin', []],
  ]);
  const entry = (key: string, value: string | number): Field => ({
    number: tensorFields.externalData,
    kind: 'message',
    type: 'Entry',
    fields: [key, String(value)].map((part, index) => ({
      number: index + 1,
      kind: 'text',
      value: new TextEncoder().encode(part),
    })),
  });
  const changed = restored(bytes, (tensor, raw, index) => {
    const location = index % 3 === 0 ? 'sub/more.bin' : 'weights.bin';
    const file = files.get(location)!;
    tensor.fields.push(entry('location', location), entry('offset', file.length), entry('length', raw.length));
    tensor.fields.push({ number: tensorFields.dataLocation, kind: 'varint', value: 1n });
    file.push(...raw);
  });
  return { bytes: changed, external: new Map([...files].map(([name, content]) => [name, Uint8Array.from(content)])) };
}

export function baseModels(): readonly BaseModel[] {
  const written = (graph: Graph, name = graph.name): BaseModel => ({ name, bytes: writeModel(graph) });
  return [
    ...[9, 13, 22].map((opset) => written(residual(opset), `residual, opset ${opset}`)),
    written(branches()),
    written(shapes()),
    written(folding()),
    written(conditional()),
    written(fakeQuantized()),
    written(old()),
    { name: 'typed data', bytes: typedData(writeModel(folding())) },
    { name: 'external data', ...externalData(writeModel(branches())) },
  ];
}
