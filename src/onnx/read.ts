/**
 * An ONNX file to a Graph. The file is untrusted, so this is also where a model is validated: what comes out has unique
 * node names, every value defined exactly once, nodes in topological order, and constants of the right size. Shapes are
 * those the file declares; resolve.ts works out the rest.
 *
 * Weights stay views of the file's bytes. `Constant` nodes and initializers become the same thing: entries of
 * `constants`, also where an initializer is listed among the inputs (IR version 3).
 */

import { fail, locate, type Place } from '../base/errors.ts';
import { type Attribute, type Dim, type Graph, type Node, readsOf, type ValueType } from '../graph/graph.ts';
import type { Tensor } from '../graph/tensor.ts';
import { arity } from './arity.ts';
import { constantTensor } from './constant-node.ts';
import { dataTypeOf, requireDataType } from './data-type.ts';
import { inlineFunctions, normalDomain } from './functions.ts';
import { decodeModel } from './proto/decode.ts';
import {
  type AttributeProto,
  attributeType,
  type GraphProto,
  type NodeProto,
  type OperatorSetIdProto,
  type ValueInfoProto,
} from './proto/onnx.ts';
import { readTensor } from './read-tensor.ts';
import { sortNodes } from './topology.ts';

const oldestOpset = 7;
/**
 * The newest that ONNX has released (onnx/docs/Versioning.md: 27 with ONNX 1.22). What came since 22 is more element types, a few
 * attributes (`output_dtype` of DequantizeLinear, `stash_type` of Range), and operators of language models, which no rule knows.
 */
const newestOpset = 27;

const maxDimension = 2 ** 31 - 1;
const maxElements = 2 ** 40;
const maxRank = 64;

export interface ReadOptions {
  /** Named in errors. */
  readonly file?: string;
  /** The bytes of the files that {@link externalFiles} lists. */
  readonly external?: ReadonlyMap<string, Uint8Array>;
}

/**
 * Reads a model.
 *
 * @throws onnx/not-a-model, onnx/truncated, onnx/too-deep, onnx/too-large, onnx/opset, onnx/dtype,
 *   onnx/dimension, onnx/tensor-size, onnx/external-data, onnx/graph, onnx/cycle
 */
export function readModel(bytes: Uint8Array, options: ReadOptions = {}): Graph {
  return locate(options.file === undefined ? {} : { file: options.file }, () => {
    const { graph, opsetImport } = inlineFunctions(decodeModel(bytes));
    const versions = opsetImport.filter(({ domain }) => normalDomain(domain) === '').map(({ version }) => version);
    const opset = versions[0];
    const known = opset !== undefined && opset >= oldestOpset && opset <= newestOpset;
    if (!known || versions.some((version) => version !== opset)) {
      fail(
        'onnx/opset',
        'the opset of the model is not one that dlakit reads',
        {},
        {
          expected: `${oldestOpset} to ${newestOpset}`,
          actual: versions.join(', ') || 'none',
        },
      );
    }
    const context: Context = {
      opsets: opsetsOf(graph, opsetImport, opset),
      external: options.external,
      outer: undefined,
    };
    return readGraph(graph, context);
  });
}

/** The version of the default domain, and those of the other domains that nodes belong to. */
function opsetsOf(
  graph: GraphProto,
  imports: readonly OperatorSetIdProto[],
  opset: number,
): Readonly<Record<string, number>> {
  const foreign = new Set(domainsOf(graph));
  const versions = imports
    .map(({ domain, version }): [string, number] => [normalDomain(domain), version ?? 1])
    .filter(([domain]) => domain !== '' && foreign.has(domain));
  return Object.fromEntries([['', opset], ...versions]);
}

function* domainsOf(graph: GraphProto): Generator<string> {
  for (const node of graph.node) {
    yield normalDomain(node.domain);
    for (const { g } of node.attribute) if (g) yield* domainsOf(g);
  }
}

interface Context {
  readonly opsets: Readonly<Record<string, number>>;
  readonly external: ReadonlyMap<string, Uint8Array> | undefined;
  /** The values of the graphs around a subgraph. */
  readonly outer: Scope | undefined;
}

interface Scope {
  readonly names: ReadonlySet<string>;
  readonly outer: Scope | undefined;
}

function readGraph(proto: GraphProto, context: Context): Graph {
  if (proto.sparseInitializer.length > 0) fail('onnx/dtype', 'sparse initializers are not read');
  const constants = new Map<string, Tensor>();
  for (const initializer of proto.initializer) {
    const name = initializer.name ?? '';
    if (name === '') fail('onnx/graph', 'an initializer has no name');
    if (constants.has(name)) fail('onnx/graph', 'two initializers have the same name', { value: name });
    constants.set(name, readTensor(initializer, { value: name }, context.external));
  }

  const values = new Map<string, ValueType>();
  for (const info of proto.valueInfo) declare(values, info, 'hint');
  for (const info of proto.output) declare(values, info, 'output');
  const inputs = proto.input.filter(({ name }) => !constants.has(name ?? ''));
  const insideSubgraph = context.outer !== undefined;
  for (const info of inputs) declare(values, info, insideSubgraph ? 'hint' : 'input');

  // What subgraphs may capture: every name of this graph. Order and existence are checked once the nodes are known.
  const own = new Set([...constants.keys(), ...inputs.map(nameOf), ...proto.node.flatMap((node) => node.output)]);
  const outer: Scope = { names: own, outer: context.outer };
  const names = uniqueNames(proto.node);
  const nodes: Node[] = [];
  for (const [index, node] of proto.node.entries()) {
    const name = names[index]!;
    const read = readNode(node, name, { ...context, outer });
    if (read.op !== 'Constant' || read.domain !== '') {
      nodes.push(read);
      continue;
    }
    const output = read.outputs[0];
    if (read.outputs.length !== 1 || !output) fail('onnx/graph', 'a Constant has one output', { node: name });
    if (constants.has(output)) fail('onnx/graph', 'the value is defined twice', { node: name, value: output });
    constants.set(output, constantTensor(read));
  }
  for (const [name, { dtype, shape }] of constants) values.set(name, { dtype, shape });

  const graph: Graph = {
    name: proto.name || 'graph',
    opsets: context.opsets,
    inputs: inputs.map(nameOf),
    outputs: proto.output.map(nameOf),
    nodes,
    constants,
    values,
  };
  checkDefinitions(graph, context.outer);
  return { ...graph, nodes: sortNodes(nodes) };
}

function readNode(proto: NodeProto, name: string, context: Context): Node {
  const op = proto.opType ?? '';
  const place: Place = { node: name };
  const domain = normalDomain(proto.domain);
  if (op === '') fail('onnx/graph', 'the node has no operator', place);
  const attributes = new Map<string, Attribute>();
  for (const attribute of proto.attribute) {
    const key = attribute.name ?? '';
    if (attributes.has(key)) fail('onnx/graph', `the attribute ${key} is given twice`, place);
    attributes.set(key, readAttribute(attribute, place, context));
  }
  const node: Node = {
    name,
    op,
    domain,
    inputs: withoutTrailingBlanks(proto.input),
    outputs: withoutTrailingBlanks(proto.output),
    // fromEntries defines own properties, so that an attribute may be called __proto__ without harm.
    attributes: Object.fromEntries(attributes),
    origin: [name],
  };
  checkArity(node);
  return node;
}

function checkArity(node: Node): void {
  if (node.outputs.length === 0) fail('onnx/graph', `the ${node.op} has no output`, { node: node.name });
  const known = node.domain === '' ? arity.get(node.op) : undefined;
  if (known === undefined) return;
  const [required, most] = known;
  const place = { node: node.name };
  for (let index = 0; index < required; index++) {
    if (node.inputs[index]) continue;
    fail('onnx/graph', `the ${node.op} misses a required input`, place, {
      expected: `at least ${required} inputs`,
      actual: node.inputs[index] === undefined ? node.inputs.length : `none at position ${index}`,
    });
  }
  if (node.inputs.length > most) {
    fail('onnx/graph', `the ${node.op} has too many inputs`, place, {
      expected: `at most ${most}`,
      actual: node.inputs.length,
    });
  }
}

function readAttribute(proto: AttributeProto, place: Place, context: Context): Attribute {
  if (!proto.name) fail('onnx/graph', 'an attribute has no name', place);
  const type = proto.type || presentType(proto);
  const missing = (): never => fail('onnx/graph', `the attribute ${proto.name} has no value`, place);
  switch (type) {
    case attributeType.float:
      return { kind: 'float', value: proto.f ?? 0 };
    case attributeType.int:
      return { kind: 'int', value: proto.i ?? 0 };
    case attributeType.string:
      return { kind: 'string', value: text(proto.s ?? new Uint8Array(0)) };
    case attributeType.tensor:
      return proto.t ? { kind: 'tensor', value: readTensor(proto.t, place, context.external) } : missing();
    case attributeType.graph:
      return proto.g ? { kind: 'graph', value: locate(place, () => readGraph(proto.g!, context)) } : missing();
    case attributeType.floats:
      return { kind: 'floats', value: proto.floats };
    case attributeType.ints:
      return { kind: 'ints', value: proto.ints };
    case attributeType.strings:
      return { kind: 'strings', value: proto.strings.map(text) };
    default:
      return fail('onnx/graph', `the attribute ${proto.name} has a type that is not read`, place, { actual: type });
  }
}

/** Old files give no attribute type; exactly one field is set then. */
function presentType(proto: AttributeProto): number {
  if (proto.f !== undefined) return attributeType.float;
  if (proto.i !== undefined) return attributeType.int;
  if (proto.s !== undefined) return attributeType.string;
  if (proto.t !== undefined) return attributeType.tensor;
  if (proto.g !== undefined) return attributeType.graph;
  if (proto.floats.length > 0) return attributeType.floats;
  if (proto.ints.length > 0) return attributeType.ints;
  if (proto.strings.length > 0) return attributeType.strings;
  return 0;
}

/**
 * A hint (value_info) that makes no sense is dropped: exporters write stale ones, and inference knows better. What the
 * graph takes and gives is held to the rules.
 */
function declare(values: Map<string, ValueType>, info: ValueInfoProto, role: 'input' | 'output' | 'hint'): void {
  const name = nameOf(info);
  if (name === '') fail('onnx/graph', `an ${role} of the graph has no name`);
  const tensor = info.type?.tensorType;
  if (tensor === undefined) {
    if (role === 'input') fail('onnx/graph', 'an input of the graph is not a tensor', { value: name });
    return;
  }
  const place = { value: name };
  const dtype = role === 'input' ? requireDataType(tensor.elemType, place) : dataTypeOf(tensor.elemType ?? 0);
  if (dtype === undefined) return;
  if (tensor.shape === undefined) {
    values.set(name, { dtype });
    return;
  }
  if (tensor.shape.dim.length > maxRank) {
    fail('onnx/dimension', 'the value has too many dimensions', place, { actual: tensor.shape.dim.length });
  }
  const shape = tensor.shape.dim.map(({ dimValue, dimParam }, axis): Dim => {
    if (dimValue === undefined) return dimParam || `${name}[${axis}]`;
    const sound = dimValue > 0 && dimValue <= maxDimension;
    if (!sound && role !== 'hint') {
      fail('onnx/dimension', `a dimension of the ${role} is zero, negative or too large`, place, {
        expected: `1 to ${maxDimension}`,
        actual: dimValue,
      });
    }
    return sound ? dimValue : `${name}[${axis}]`;
  });
  const elements = shape.reduce<number>((product, dim) => product * (typeof dim === 'number' ? dim : 1), 1);
  if (elements > maxElements) {
    if (role === 'hint') return;
    fail('onnx/dimension', `the ${role} has too many elements`, place, {
      expected: `at most ${maxElements}`,
      actual: `[${shape.join(', ')}]`,
    });
  }
  values.set(name, { dtype, shape });
}

/** Whether a graph around this one has the value. */
function isIn(scope: Scope | undefined, value: string): boolean {
  for (let at = scope; at !== undefined; at = at.outer) if (at.names.has(value)) return true;
  return false;
}

function checkDefinitions(graph: Graph, outer: Scope | undefined): void {
  const isOuter = (value: string): boolean => isIn(outer, value);
  const defined = new Set<string>(graph.constants.keys());
  const define = (value: string, place: Place): void => {
    if (defined.has(value)) fail('onnx/graph', 'the value is defined twice', { ...place, value });
    defined.add(value);
  };
  for (const input of graph.inputs) define(input, {});
  for (const node of graph.nodes) {
    for (const output of node.outputs) if (output !== '') define(output, { node: node.name });
  }
  for (const node of graph.nodes) {
    for (const value of readsOf(node)) {
      if (defined.has(value) || isOuter(value)) continue;
      fail('onnx/graph', 'the node reads a value that nothing defines', { node: node.name, value });
    }
  }
  if (graph.outputs.length === 0) fail('onnx/graph', 'the graph has no outputs');
  const outputs = new Set<string>();
  for (const value of graph.outputs) {
    if (!defined.has(value) && !isOuter(value)) {
      fail('onnx/graph', 'an output of the graph is never computed', { value });
    }
    if (outputs.has(value)) fail('onnx/graph', 'a value is an output twice', { value });
    outputs.add(value);
  }
}

/** The names that the model gives, made unique; `Conv_12` (operator and position) where it gives none. */
function uniqueNames(nodes: readonly NodeProto[]): readonly string[] {
  const taken = new Set(nodes.map(({ name }) => name ?? ''));
  const seen = new Set<string>();
  return nodes.map(({ name, opType }, index) => {
    if (name && !seen.has(name)) {
      seen.add(name);
      return name;
    }
    const stem = `${name || opType || 'Node'}_${index}`;
    let made = stem;
    for (let attempt = 2; taken.has(made); attempt++) made = `${stem}_${attempt}`;
    taken.add(made);
    return made;
  });
}

function withoutTrailingBlanks(names: readonly string[]): readonly string[] {
  const last = names.findLastIndex((name) => name !== '');
  return names.slice(0, last + 1);
}

const nameOf = ({ name }: ValueInfoProto): string => name ?? '';

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
