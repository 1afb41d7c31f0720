/**
 * A network in float16 (or bfloat16) becomes one in float32: weights, constants in attributes, the types of all values, inputs and
 * outputs among them, and the Casts in between, which then hand their input on and vanish. Every number of the narrow types is a
 * float32, so that nothing is lost; what was rounded after each node no longer is.
 *
 * It runs before every other pass, since these read and make float32. The DLA does not mind: TensorRT up to 10.x takes the precision from
 * its flags, not from the types of the ONNX file, and for later ones compiling reads them off the original
 * (compile/layer-precisions.ts). Whoever feeds the network gives float32, or float16, which is widened (widenedTo).
 */

import type { DataType } from '../../base/data-type.ts';
import type { Attribute, Graph, Node, ValueType } from '../../graph/graph.ts';
import { computedTensor, readFloat32, type Tensor } from '../../graph/tensor.ts';
import { dataTypeNumber, dataTypeOf } from '../../onnx/data-type.ts';
import type { GraphPass } from '../pass.ts';

const isHalf = (dtype: DataType | undefined): boolean => dtype === 'float16' || dtype === 'bfloat16';

export const float16ToFloat32: GraphPass = {
  name: 'float16-to-float32',
  doc: 'float16 and bfloat16, weights, values, inputs and outputs, → float32; Casts between them vanish.',
  since:
    'TensorRT chooses the precision by its flags; a Cast has no DLA rule of its own (only one behind a comparison), and every other pass works in float32.',
  kind: 'normalize',
  rewrite(graph) {
    const half = (name: string): boolean => isHalf(graph.values.get(name)?.dtype);
    const nodes = graph.nodes.filter(
      (node) => node.inputs.some(half) || node.outputs.some(half) || Object.values(node.attributes).some(hasHalves),
    );
    // BitCast reads the bits themselves.
    if (nodes.length === 0 || graph.nodes.some(({ op, domain }) => op === 'BitCast' && domain === '')) return undefined;
    return { graph: widened(graph), nodes: nodes.map(({ name }) => name) };
  },
};

const hasHalves = (attribute: Attribute): boolean =>
  (attribute.kind === 'tensor' && isHalf(attribute.value.dtype)) ||
  (attribute.kind === 'graph' && [...attribute.value.values.values()].some(({ dtype }) => isHalf(dtype)));

function widened(graph: Graph): Graph {
  return {
    ...graph,
    nodes: graph.nodes.map(widenedNode),
    constants: new Map([...graph.constants].map(([name, tensor]) => [name, widenedTensor(tensor)])),
    values: new Map([...graph.values].map(([name, type]) => [name, widenedType(type)])),
  };
}

const widenedType = (type: ValueType): ValueType => (isHalf(type.dtype) ? { ...type, dtype: 'float32' } : type);

const widenedTensor = (tensor: Tensor): Tensor =>
  isHalf(tensor.dtype)
    ? computedTensor(tensor.shape, (start, into) => readFloat32(tensor, start, into), tensor.scales)
    : tensor;

/** The attributes of ONNX's operators that say a type by its number. */
const typeAttributes = new Set(['to', 'dtype', 'output_dtype', 'output_datatype', 'precision', 'softmax_precision']);

function widenedNode(node: Node): Node {
  const attributes = Object.entries(node.attributes).map(([name, attribute]): [string, Attribute] => {
    switch (attribute.kind) {
      case 'tensor':
        return [name, { kind: 'tensor', value: widenedTensor(attribute.value) }];
      case 'graph':
        return [name, { kind: 'graph', value: widened(attribute.value) }];
      case 'int':
        return node.domain === '' && typeAttributes.has(name) && isHalf(dataTypeOf(attribute.value))
          ? [name, { kind: 'int', value: dataTypeNumber('float32') }]
          : [name, attribute];
      default:
        return [name, attribute];
    }
  });
  return { ...node, attributes: Object.fromEntries(attributes) };
}
