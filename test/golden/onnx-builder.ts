/** Writes an ONNX graph node by node; names of values are made up unless given. */

import type { Attribute, Graph, Node } from '../../src/graph/graph.ts';
import { float32Tensor, int64Tensor, type Tensor } from '../../src/graph/tensor.ts';

type Attributes = Readonly<Record<string, number | string | readonly number[]>>;

export class OnnxBuilder {
  readonly #nodes: Node[] = [];
  readonly #constants = new Map<string, Tensor>();
  readonly #values = new Map<string, { readonly dtype: Tensor['dtype']; readonly shape: readonly number[] }>();
  readonly #inputs: string[] = [];
  readonly #outputs: string[] = [];

  input(name: string, dtype: Tensor['dtype'], shape: readonly number[]): string {
    this.#inputs.push(name);
    this.#values.set(name, { dtype, shape });
    return name;
  }

  output(value: string, dtype: Tensor['dtype'], shape: readonly number[]): void {
    this.#outputs.push(value);
    this.#values.set(value, { dtype, shape });
  }

  constant(tensor: Tensor): string {
    const name = `const_${this.#constants.size}`;
    this.#constants.set(name, tensor);
    this.#values.set(name, { dtype: tensor.dtype, shape: tensor.shape });
    return name;
  }

  float(value: number): string {
    return this.constant(float32Tensor([], [value]));
  }

  /** float32 constant of one value per channel. */
  floats(shape: readonly number[], values: ArrayLike<number>): string {
    return this.constant(float32Tensor(shape, values));
  }

  ints(...values: number[]): string {
    return this.constant(int64Tensor([values.length], values));
  }

  uint8(value: number): string {
    return this.constant({ dtype: 'uint8', shape: [], bytes: Uint8Array.of(value) });
  }

  int32s(shape: readonly number[], values: ArrayLike<number>): string {
    return this.constant({ dtype: 'int32', shape, bytes: new Uint8Array(Int32Array.from(values).buffer) });
  }

  /** Adds a node and gives its one output. */
  node(op: string, inputs: readonly string[], attributes: Attributes = {}, output?: string): string {
    const name = `${op}_${this.#nodes.length}`;
    const result = output ?? `${name}_out`;
    this.#nodes.push({
      name,
      op,
      domain: '',
      inputs,
      outputs: [result],
      attributes: Object.fromEntries(
        Object.entries(attributes).map(([key, value]) => [key, attribute(op, key, value)]),
      ),
      origin: [name],
    });
    return result;
  }

  cast(value: string, to: keyof typeof elementTypes, output?: string): string {
    return this.node('Cast', [value], { to: elementTypes[to] }, output);
  }

  graph(name: string): Graph {
    return {
      name,
      opsets: { '': 17 },
      inputs: this.#inputs,
      outputs: this.#outputs,
      nodes: this.#nodes,
      constants: this.#constants,
      values: this.#values,
    };
  }
}

/** TensorProto.DataType. */
const elementTypes = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7 } as const;

const attribute = (op: string, key: string, value: number | string | readonly number[]): Attribute => {
  if (typeof value === 'string') return { kind: 'string', value };
  if (typeof value === 'number') return { kind: 'int', value };
  if (value.every(Number.isInteger)) return { kind: 'ints', value };
  throw new TypeError(`${op}.${key} has fractions`);
};
