/**
 * The first pass: a node becomes one or more abstract hardware operations, or a reason why the compiler cannot lower it. It
 * looks at one node alone and at the shapes around it; what neighbours do together is fuse's business. What the hardware may do
 * at all was decided by the rules of support/; what is said here is only what this compiler and its engines cannot do.
 */

import type { Graph, Node } from '../../graph/graph.ts';
import type { Operation } from '../operation.ts';
import { selectConv, selectConvTranspose, selectFullyConnected } from './conv.ts';
import { selectAlias, selectConcat, selectResize, selectSlice, selectSplit } from './move.ts';
import { selectNormalization, selectSoftmax } from './normalize.ts';
import {
  selectBatchNormalization,
  selectBinary,
  selectClip,
  selectLeakyRelu,
  selectPRelu,
  selectRelu,
  selectTable,
} from './point.ts';
import { selectGlobalPool, selectPool, selectReduceMax } from './pool.ts';

/** Operations in the order they run, or why there are none, as the end of the sentence "is not emulated: …". */
export type Selection = readonly Operation[] | string;

type Select = (node: Node, graph: Graph) => Selection;

const selectors: Readonly<Record<string, Select>> = {
  Conv: selectConv,
  ConvTranspose: selectConvTranspose,
  Gemm: selectFullyConnected,
  MatMul: selectFullyConnected,
  MaxPool: selectPool,
  AveragePool: selectPool,
  GlobalAveragePool: selectGlobalPool,
  GlobalMaxPool: selectGlobalPool,
  ReduceMax: selectReduceMax,
  Add: selectBinary,
  Sub: selectBinary,
  Mul: selectBinary,
  Div: selectBinary,
  Max: selectBinary,
  Min: selectBinary,
  Sum: selectBinary,
  BatchNormalization: selectBatchNormalization,
  Relu: selectRelu,
  Clip: selectClip,
  LeakyRelu: selectLeakyRelu,
  PRelu: selectPRelu,
  Sigmoid: selectTable,
  Tanh: selectTable,
  Abs: selectTable,
  LRN: selectNormalization,
  Softmax: selectSoftmax,
  Concat: selectConcat,
  Split: selectSplit,
  Slice: selectSlice,
  Resize: selectResize,
  Upsample: selectResize,
  Reshape: selectAlias,
  Flatten: selectAlias,
  Squeeze: selectAlias,
  Unsqueeze: selectAlias,
  Identity: selectAlias,
  Dropout: selectAlias,
};

export function select(node: Node, graph: Graph): Selection {
  const selector = node.domain === '' || node.domain === 'ai.onnx' ? selectors[node.op] : undefined;
  return selector === undefined ? `no engine does ${node.op}` : selector(node, graph);
}

/** Whether a node moves no data: its output is its input under another name or shape. */
export function movesNothing(node: Node, graph: Graph): boolean {
  return selectors[node.op] === selectAlias && typeof select(node, graph) !== 'string';
}
