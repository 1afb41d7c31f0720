/** Small graphs for tests of the checker, written as shapes. */

import type { DataType } from '../../base/data-type.ts';
import type { Attribute, Graph, Node } from '../../graph/graph.ts';
import { elementCount, float32Tensor, int64Tensor, type Tensor } from '../../graph/tensor.ts';

type AttributeValue = number | string | readonly number[];

export interface NodeSpec {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  readonly name?: string;
  readonly domain?: string;
}

export interface NetworkSpec {
  /** Shapes of run-time values: network inputs and what nodes give. */
  readonly shapes: Readonly<Record<string, readonly (number | string)[]>>;
  /** Constants: a shape (zeros), a tensor, or a list of int64. */
  readonly constants?: Readonly<Record<string, readonly number[] | Tensor | { readonly int64: readonly number[] }>>;
  readonly nodes: readonly NodeSpec[];
  /** Default: what no node reads. */
  readonly outputs?: readonly string[];
  readonly dtypes?: Readonly<Record<string, DataType>>;
  readonly opset?: number;
}

export function network(spec: NetworkSpec): Graph {
  const nodes = spec.nodes.map(
    (node, index): Node => ({
      name: node.name ?? `${node.op}_${index}`,
      op: node.op,
      domain: node.domain ?? '',
      inputs: node.inputs,
      outputs: node.outputs,
      attributes: Object.fromEntries(
        Object.entries(node.attributes ?? {}).map(([key, value]) => [key, attribute(key, value)]),
      ),
      origin: [node.name ?? `${node.op}_${index}`],
    }),
  );
  const constants = new Map<string, Tensor>();
  for (const [name, value] of Object.entries(spec.constants ?? {})) constants.set(name, constant(value));
  const produced = new Set(nodes.flatMap((node) => node.outputs));
  const read = new Set(nodes.flatMap((node) => node.inputs));
  const values = new Map<string, { dtype: DataType; shape: readonly (number | string)[] }>();
  for (const [name, { dtype, shape }] of constants) values.set(name, { dtype, shape });
  for (const [name, shape] of Object.entries(spec.shapes)) {
    values.set(name, { dtype: spec.dtypes?.[name] ?? 'float32', shape });
  }
  return {
    name: 'test',
    opsets: { '': spec.opset ?? 17 },
    inputs: Object.keys(spec.shapes).filter((name) => !produced.has(name)),
    outputs: spec.outputs ?? [...produced].filter((name) => name !== '' && !read.has(name)),
    nodes,
    constants,
    values,
  };
}

/** A network of one node: `single('Relu', { x: [1, 3, 4, 4], y: [1, 3, 4, 4] })`, reading x, giving y. */
export const single = (
  op: string,
  shapes: NetworkSpec['shapes'],
  attributes: NodeSpec['attributes'] = {},
  rest: Partial<NetworkSpec> = {},
): Graph => {
  const inputs = [...Object.keys(shapes).filter((name) => !name.startsWith('y')), ...Object.keys(rest.constants ?? {})];
  const outputs = Object.keys(shapes).filter((name) => name.startsWith('y'));
  return network({ shapes, nodes: [{ op, inputs, outputs, attributes, name: 'node' }], ...rest });
};

const floatAttributes = ['alpha', 'beta', 'bias', 'min', 'max', 'scales'];

function attribute(key: string, value: AttributeValue): Attribute {
  if (typeof value === 'string') return { kind: 'string', value };
  if (typeof value === 'number') return { kind: floatAttributes.includes(key) ? 'float' : 'int', value };
  return { kind: floatAttributes.includes(key) ? 'floats' : 'ints', value };
}

function constant(value: readonly number[] | Tensor | { readonly int64: readonly number[] }): Tensor {
  if ('int64' in value) return int64Tensor([value.int64.length], value.int64);
  if ('dtype' in value) return value;
  return float32Tensor(value, new Float32Array(elementCount(value)));
}

/** A constant with one float: bounds of Clip, scalars. */
export const scalar = (value: number): Tensor => float32Tensor([], [value]);
export const floats = (...values: readonly number[]): Tensor => float32Tensor([values.length], values);

export interface ConvSpec {
  readonly batch?: number;
  readonly channels?: number;
  readonly kernels?: number;
  readonly size?: readonly [height: number, width: number];
  readonly kernel?: readonly [height: number, width: number];
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  readonly op?: 'Conv' | 'ConvTranspose';
}

/** One Conv or ConvTranspose with its output shape worked out from explicit pads. */
export function convolution(spec: ConvSpec = {}): Graph {
  const { batch = 1, channels = 8, kernels = 8, size = [16, 16], kernel = [3, 3], attributes = {}, op = 'Conv' } = spec;
  const list = (name: string, otherwise: readonly number[]) => (attributes[name] as readonly number[]) ?? otherwise;
  const [strides, dilations] = [list('strides', [1, 1]), list('dilations', [1, 1])];
  const pads = list('pads', [0, 0, 0, 0]);
  const group = (attributes.group as number | undefined) ?? 1;
  const output = kernel.map((k, axis) => {
    const extent = (k - 1) * dilations[axis]! + 1;
    const border = pads[axis]! + pads[axis + 2]!;
    return op === 'Conv'
      ? Math.floor((size[axis]! + border - extent) / strides[axis]!) + 1
      : (size[axis]! - 1) * strides[axis]! + extent - border;
  });
  const weights = op === 'Conv' ? [kernels, channels / group, ...kernel] : [channels, kernels / group, ...kernel];
  return single(op, { x: [batch, channels, ...size], y: [batch, kernels, ...output] }, attributes, {
    constants: { w: weights },
  });
}

/** A feature map that every rule accepts. */
export const image = [1, 8, 16, 16] as const;

/** A node of two run-time operands. */
export const binary = (op: string, a: readonly number[], b: readonly number[], y: readonly number[]) =>
  network({ shapes: { a, b, y }, nodes: [{ op, inputs: ['a', 'b'], outputs: ['y'] }] });

/** A node of a run-time operand and a constant; `swap` puts the constant first. */
export const withConstant = (op: string, c: readonly number[], x: readonly number[] = image, y = x, swap = false) =>
  network({
    shapes: { x, y },
    constants: { c },
    nodes: [{ op, inputs: swap ? ['c', 'x'] : ['x', 'c'], outputs: ['y'] }],
  });

export const relu = (x: readonly (number | string)[]) => single('Relu', { x, y: x });
