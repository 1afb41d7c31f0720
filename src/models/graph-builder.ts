/**
 * Builds networks in code: every method adds a node, works out its shape and gives the name of the value that it makes. Weights are
 * seeded and He-scaled (uniform with variance 2 / fan-in), so that activations neither vanish nor explode whatever the depth, and
 * the same seed gives the same bytes everywhere.
 */

import { Random } from '../base/random.ts';
import type { Attribute, Graph, Node, ValueType } from '../graph/graph.ts';
import { broadcastSizes } from '../graph/operators/broadcast.ts';
import { deconvolutionOf } from '../graph/operators/deconvolution.ts';
import { windowLengths } from '../graph/operators/window.ts';
import { elementCount, float32Tensor, int64Tensor, type Tensor } from '../graph/tensor.ts';

export interface WindowOptions {
  /** Height and width; one number for both. */
  readonly kernel: number | readonly [number, number];
  readonly stride?: number | readonly [number, number];
  /** On all four sides, or top, left, bottom, right. */
  readonly padding?: number | readonly [number, number, number, number];
  readonly dilation?: number;
  readonly name?: string;
}

export interface ConvOptions extends WindowOptions {
  readonly channels: number;
  readonly groups?: number;
  /** False where a batch norm follows. */
  readonly bias?: boolean;
}

/** What a network of this room is built with. */
export interface NetworkOptions {
  /** 1 unless given. */
  readonly batch?: number;
  /** Of the weights; 1 unless given. */
  readonly seed?: number;
  readonly classes?: number;
}

export interface ConvNormOptions extends ConvOptions {
  readonly name: string;
  readonly activation?: 'relu' | 'relu6';
  /** Of the batch norm, as {@link GraphBuilder.batchNorm} takes it. */
  readonly gain?: number;
  readonly epsilon?: number;
}

const pair = (value: number | readonly [number, number] | undefined, otherwise: number): readonly [number, number] =>
  value === undefined ? [otherwise, otherwise] : typeof value === 'number' ? [value, value] : value;

const sides = (value: WindowOptions['padding']): readonly [number, number, number, number] =>
  value === undefined ? [0, 0, 0, 0] : typeof value === 'number' ? [value, value, value, value] : value;

export const int = (value: number): Attribute => ({ kind: 'int', value });
export const float = (value: number): Attribute => ({ kind: 'float', value });
export const text = (value: string): Attribute => ({ kind: 'string', value });
export const ints = (value: readonly number[]): Attribute => ({ kind: 'ints', value });

export class GraphBuilder {
  readonly random: Random;
  readonly #name: string;
  readonly #opset: number;
  readonly #inputs: string[] = [];
  readonly #outputs: string[] = [];
  readonly #nodes: Node[] = [];
  readonly #constants = new Map<string, Tensor>();
  readonly #values = new Map<string, ValueType>();

  constructor(name: string, options: { readonly seed?: number; readonly opset?: number } = {}) {
    this.#name = name;
    this.#opset = options.opset ?? 17;
    this.random = new Random(options.seed ?? 1);
  }

  input(name: string, shape: readonly number[]): string {
    this.#inputs.push(name);
    this.#values.set(name, { dtype: 'float32', shape });
    return name;
  }

  output(...values: readonly string[]): void {
    this.#outputs.push(...values);
  }

  /** The head of a classifier: the average of each map, then a linear layer; its output is called `logits`. */
  classifier(x: string, classes: number): Graph {
    const dense = this.gemm(this.flatten(this.globalAveragePool(x, 'pool'), 'flatten'), classes, 'dense');
    this.output(dense);
    const rename = (value: string) => (value === dense ? 'logits' : value);
    const graph = this.build();
    return {
      ...graph,
      outputs: graph.outputs.map(rename),
      nodes: graph.nodes.map((node) => ({ ...node, outputs: node.outputs.map(rename) })),
      values: new Map([...graph.values].map(([value, type]) => [rename(value), type])),
    };
  }

  build(): Graph {
    return {
      name: this.#name,
      opsets: { '': this.#opset },
      inputs: this.#inputs,
      outputs: this.#outputs,
      nodes: this.#nodes,
      constants: this.#constants,
      values: this.#values,
    };
  }

  shape(value: string): readonly number[] {
    const shape = this.#values.get(value)?.shape;
    if (shape === undefined) throw new RangeError(`no value ${value}`);
    return shape as readonly number[];
  }

  constant(name: string, tensor: Tensor): string {
    this.#constants.set(name, tensor);
    this.#values.set(name, { dtype: tensor.dtype, shape: tensor.shape });
    return name;
  }

  /** Any node; `shapes` are those of its outputs. @returns the names of its outputs */
  node(
    op: string,
    inputs: readonly string[],
    shapes: readonly (readonly number[])[],
    attributes: Readonly<Record<string, Attribute>> = {},
    name = `${op}_${this.#nodes.length}`,
  ): readonly string[] {
    const outputs = shapes.map((_, index) => (index === 0 ? `${name}:out` : `${name}:out${index}`));
    for (const [index, shape] of shapes.entries()) this.#values.set(outputs[index]!, { dtype: 'float32', shape });
    this.#nodes.push({ name, op, domain: '', inputs, outputs, attributes, origin: [name] });
    return outputs;
  }

  conv(x: string, options: ConvOptions): string {
    const c = this.shape(x)[1]!;
    const [r, s] = pair(options.kernel, 1);
    const groups = options.groups ?? 1;
    const dilation = options.dilation ?? 1;
    const name = options.name ?? `Conv_${this.#nodes.length}`;
    const weights = this.#weights(`${name}.weight`, [options.channels, c / groups, r, s], (c / groups) * r * s);
    const inputs = [x, weights, ...(options.bias === false ? [] : [this.#bias(`${name}.bias`, options.channels)])];
    const attributes = {
      kernel_shape: ints([r, s]),
      strides: ints(pair(options.stride, 1)),
      pads: ints(sides(options.padding)),
      dilations: ints([dilation, dilation]),
      group: int(groups),
    };
    return this.#window('Conv', inputs, options.channels, attributes, name);
  }

  convTranspose(x: string, options: ConvOptions): string {
    const c = this.shape(x)[1]!;
    const [r, s] = pair(options.kernel, 1);
    const [down, across] = pair(options.stride, 1);
    const name = options.name ?? `ConvTranspose_${this.#nodes.length}`;
    const fan = (c * r * s) / (down * across);
    const weights = this.#weights(`${name}.weight`, [c, options.channels, r, s], fan);
    const inputs = [x, weights, ...(options.bias === false ? [] : [this.#bias(`${name}.bias`, options.channels)])];
    const attributes = {
      kernel_shape: ints([r, s]),
      strides: ints([down, across]),
      pads: ints(sides(options.padding)),
    };
    return this.#window('ConvTranspose', inputs, options.channels, attributes, name);
  }

  /**
   * @param options gain: of the scale; below 1 keeps the sum of a deep chain of residual blocks from growing. epsilon: 10⁻⁵ when not
   *   given
   */
  batchNorm(
    x: string,
    options: { readonly gain?: number; readonly epsilon?: number; readonly name?: string } = {},
  ): string {
    const channels = this.shape(x)[1]!;
    const name = options.name ?? `BatchNormalization_${this.#nodes.length}`;
    const gain = options.gain ?? 1;
    const vector = (part: string, low: number, high: number) =>
      this.constant(
        `${name}.${part}`,
        float32Tensor(
          [channels],
          Array.from({ length: channels }, () => this.random.between(low, high)),
        ),
      );
    const inputs = [
      x,
      vector('weight', 0.8 * gain, 1.2 * gain),
      vector('bias', -0.1, 0.1),
      vector('running_mean', -0.1, 0.1),
      vector('running_var', 0.8, 1.2),
    ];
    return this.node(
      'BatchNormalization',
      inputs,
      [this.shape(x)],
      { epsilon: float(options.epsilon ?? 1e-5) },
      name,
    )[0]!;
  }

  /** Convolution without bias, batch norm, activation: NAME.conv, NAME.bn, NAME.relu. */
  convNorm(x: string, { activation, gain, epsilon, name, ...conv }: ConvNormOptions): string {
    const y = this.conv(x, { ...conv, bias: false, name: `${name}.conv` });
    const normed = this.batchNorm(y, {
      name: `${name}.bn`,
      ...(gain !== undefined && { gain }),
      ...(epsilon !== undefined && { epsilon }),
    });
    if (activation === undefined) return normed;
    return activation === 'relu' ? this.relu(normed, `${name}.relu`) : this.clip(normed, 0, 6);
  }

  relu(x: string, name?: string): string {
    return this.node('Relu', [x], [this.shape(x)], {}, name)[0]!;
  }

  clip(x: string, low: number, high: number): string {
    const name = `Clip_${this.#nodes.length}`;
    const bounds = [low, high].map((bound, index) =>
      this.constant(`${name}.${index === 0 ? 'min' : 'max'}`, float32Tensor([], [bound])),
    );
    return this.node('Clip', [x, ...bounds], [this.shape(x)], {}, name)[0]!;
  }

  /** An element-wise operator with one input: Sigmoid, Tanh, Abs, LeakyRelu… */
  unary(op: string, x: string, attributes: Readonly<Record<string, Attribute>> = {}): string {
    return this.node(op, [x], [this.shape(x)], attributes)[0]!;
  }

  /** Add, Sub, Mul, Max, Min; shapes broadcast as ONNX does. */
  binary(op: string, a: string, b: string, name?: string): string {
    const shape = broadcastSizes([this.shape(a), this.shape(b)]);
    if (shape === undefined) throw new RangeError(`the operands of ${name ?? op} do not broadcast`);
    return this.node(op, [a, b], [shape], {}, name)[0]!;
  }

  add(a: string, b: string, name?: string): string {
    return this.binary('Add', a, b, name);
  }

  maxPool(x: string, options: WindowOptions & { readonly ceil?: boolean }): string {
    return this.#pool('MaxPool', x, options, options.ceil ?? false, {});
  }

  averagePool(x: string, options: WindowOptions & { readonly countPadding?: boolean }): string {
    return this.#pool('AveragePool', x, options, false, { count_include_pad: int(options.countPadding ? 1 : 0) });
  }

  globalAveragePool(x: string, name?: string): string {
    const [n = 1, c = 1] = this.shape(x);
    return this.node('GlobalAveragePool', [x], [[n, c, 1, 1]], {}, name)[0]!;
  }

  concat(values: readonly string[]): string {
    const [n = 1, , h = 1, w = 1] = this.shape(values[0]!);
    const channels = values.reduce((sum, value) => sum + this.shape(value)[1]!, 0);
    return this.node('Concat', values, [[n, channels, h, w]], { axis: int(1) })[0]!;
  }

  split(x: string, channels: readonly number[]): readonly string[] {
    const [n = 1, , h = 1, w = 1] = this.shape(x);
    const name = `Split_${this.#nodes.length}`;
    const sizes = this.constant(`${name}.split`, int64Tensor([channels.length], channels));
    const shapes = channels.map((c) => [n, c, h, w]);
    return this.node('Split', [x, sizes], shapes, { axis: int(1) }, name);
  }

  /** Enlarges height and width by whole factors. */
  resize(x: string, factors: readonly [number, number], mode: 'nearest' | 'linear' = 'nearest'): string {
    const [n = 1, c = 1, h = 1, w = 1] = this.shape(x);
    const name = `Resize_${this.#nodes.length}`;
    const scales = this.constant(`${name}.scales`, float32Tensor([4], [1, 1, ...factors]));
    const attributes =
      mode === 'linear'
        ? { mode: text('linear'), coordinate_transformation_mode: text('half_pixel') }
        : {
            mode: text('nearest'),
            coordinate_transformation_mode: text('asymmetric'),
            nearest_mode: text('floor'),
          };
    return this.node('Resize', [x, '', scales], [[n, c, h * factors[0], w * factors[1]]], attributes, name)[0]!;
  }

  flatten(x: string, name?: string): string {
    const [n = 1, ...rest] = this.shape(x);
    return this.node('Flatten', [x], [[n, elementCount(rest)]], { axis: int(1) }, name)[0]!;
  }

  reshape(x: string, shape: readonly number[]): string {
    const name = `Reshape_${this.#nodes.length}`;
    const target = this.constant(`${name}.shape`, int64Tensor([shape.length], shape));
    return this.node('Reshape', [x, target], [shape], {}, name)[0]!;
  }

  gemm(x: string, features: number, name = `Gemm_${this.#nodes.length}`): string {
    const [n = 1, c = 1] = this.shape(x);
    const inputs = [x, this.#weights(`${name}.weight`, [features, c], c), this.#bias(`${name}.bias`, features)];
    return this.node('Gemm', inputs, [[n, features]], { transB: int(1) }, name)[0]!;
  }

  #pool(
    op: string,
    x: string,
    options: WindowOptions,
    ceil: boolean,
    more: Readonly<Record<string, Attribute>>,
  ): string {
    const attributes = {
      kernel_shape: ints(pair(options.kernel, 1)),
      strides: ints(pair(options.stride, 1)),
      pads: ints(sides(options.padding)),
      ...(ceil && { ceil_mode: int(1) }),
      ...more,
    };
    return this.#window(op, [x], this.shape(x)[1]!, attributes, options.name);
  }

  /** A node whose window slides over height and width. */
  #window(
    op: string,
    inputs: readonly string[],
    channels: number,
    attributes: Readonly<Record<string, Attribute>>,
    name = `${op}_${this.#nodes.length}`,
  ): string {
    const node = { name, op, domain: '', inputs, outputs: [], attributes, origin: [name] };
    const lookup = {
      opset: this.#opset,
      shape: (value: string) => this.#values.get(value)?.shape,
      constant: (value: string) => this.#constants.get(value),
    };
    const lengths = op === 'ConvTranspose' ? deconvolutionOf(node, lookup)!.output : windowLengths(node, lookup);
    if (lengths.length === 0) throw new RangeError(`no window of ${name} fits its input`);
    return this.node(op, inputs, [[this.shape(inputs[0]!)[0]!, channels, ...lengths]], attributes, name)[0]!;
  }

  #weights(name: string, shape: readonly number[], fan: number): string {
    const limit = Math.sqrt(6 / fan);
    return this.constant(name, float32Tensor(shape, this.random.symmetric(elementCount(shape), limit)));
  }

  #bias(name: string, channels: number): string {
    return this.constant(name, float32Tensor([channels], this.random.symmetric(channels, 0.1)));
  }
}
