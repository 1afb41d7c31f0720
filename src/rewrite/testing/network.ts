/** Builds small graphs for tests: operators by name, seeded weights, shapes resolved as for any model. */

import { Random } from '../../base/random.ts';
import type { Attribute, Graph, Node, ValueType } from '../../graph/graph.ts';
import { elementCount, float32Tensor, int64Tensor, type Tensor } from '../../graph/tensor.ts';
import { resolve } from '../../onnx/resolve.ts';

type Plain = number | string | readonly number[];

/** Attributes that ONNX declares as floating point. */
const floatAttributes = new Set([
  'alpha',
  'beta',
  'epsilon',
  'value',
  'min',
  'max',
  'gamma',
  'momentum',
  'bias',
  'lambd',
]);

export class Network {
  readonly #nodes: Node[] = [];
  readonly #constants = new Map<string, Tensor>();
  readonly #values = new Map<string, ValueType>();
  readonly #inputs: string[] = [];
  readonly #counts = new Map<string, number>();
  readonly #random: Random;
  readonly opset: number;

  constructor(options: { readonly seed?: number; readonly opset?: number } = {}) {
    this.#random = new Random(options.seed ?? 1);
    this.opset = options.opset ?? 17;
  }

  input(name: string, shape: readonly (number | string)[]): string {
    this.#inputs.push(name);
    this.#values.set(name, { dtype: 'float32', shape });
    return name;
  }

  constant(tensor: Tensor, name = this.#number('const')): string {
    this.#constants.set(name, tensor);
    this.#values.set(name, { dtype: tensor.dtype, shape: tensor.shape });
    return name;
  }

  /** Seeded values in [low, high). */
  weights(shape: readonly number[], low = -1, high = 1, name = this.#number('W')): string {
    const values = Float32Array.from({ length: elementCount(shape) }, () => this.#random.between(low, high));
    return this.constant(float32Tensor(shape, values), name);
  }

  scalar(value: number): string {
    return this.constant(float32Tensor([], [value]));
  }

  ints(values: readonly number[]): string {
    return this.constant(int64Tensor([values.length], values));
  }

  /** A node with one output, whose name is given or made up. */
  op(op: string, inputs: readonly string[], attributes: Readonly<Record<string, Plain>> = {}, output?: string): string {
    const name = this.#number(op);
    const result = output ?? `${name}_out`;
    this.#nodes.push({
      name,
      op,
      domain: '',
      inputs,
      outputs: [result],
      attributes: Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, attribute(key, value)])),
      origin: [name],
    });
    return result;
  }

  batchNorm(data: string, channels: number): string {
    const vector = (low: number, high: number) => this.weights([channels], low, high);
    return this.op('BatchNormalization', [data, vector(0.5, 2), vector(-1, 1), vector(-1, 1), vector(0.2, 3)]);
  }

  graph(...outputs: readonly string[]): Graph {
    const graph: Graph = {
      name: 'test',
      opsets: { '': this.opset },
      inputs: this.#inputs,
      outputs,
      nodes: this.#nodes,
      constants: this.#constants,
      values: this.#values,
    };
    // Every shape, and no node folded away: passes are shown what a test wrote.
    const { values } = resolve({ ...graph, outputs: graph.nodes.flatMap((node) => node.outputs) });
    const constants = [...this.#constants].map(([name, { dtype, shape }]) => [name, { dtype, shape }] as const);
    return { ...graph, values: new Map([...constants, ...values]) };
  }

  #number(stem: string): string {
    const count = (this.#counts.get(stem) ?? 0) + 1;
    this.#counts.set(stem, count);
    return `${stem}${count}`;
  }
}

function attribute(name: string, value: Plain): Attribute {
  if (typeof value === 'string') return { kind: 'string', value };
  if (typeof value === 'number') return { kind: floatAttributes.has(name) ? 'float' : 'int', value };
  return { kind: 'ints', value };
}
