/**
 * Constant folding: what a node computes when all its inputs are constants, or undefined where ONNX leaves that open (a division
 * by zero, a cast out of range). Moves, comparisons and what rounds once are exactly what runtimes compute; sums and elementary
 * functions are computed in doubles and rounded once, so that they may differ from a runtime's in the last bits.
 *
 * It runs once, when the model is read, before anything is judged: whatever stands between constants and a weight (a norm, a
 * dequantization, a product of factors) is gone then.
 */

import type { ValueType } from '../../graph/graph.ts';
import { elementCount, type Tensor } from '../../graph/tensor.ts';
import { arity } from '../arity.ts';
import type { InferContext } from '../infer/rule.ts';
import { arithmeticEvaluators } from './arithmetic.ts';
import { functionEvaluators } from './functions.ts';
import { matrixEvaluators, productWork } from './matrix.ts';
import { movementEvaluators, views } from './movement.ts';
import { normalizationEvaluators } from './normalization.ts';
import { placementEvaluators } from './placement.ts';
import { quantizationEvaluators } from './quantization.ts';
import { reductionEvaluators } from './reduction.ts';

/** An operator on constants. `shapes` are those of the outputs, already inferred; undefined leaves the node alone. */
export type Evaluator = (
  context: InferContext,
  inputs: readonly (Tensor | undefined)[],
  outputs: readonly Required<ValueType>[],
  shapes: readonly (readonly number[])[],
) => readonly Tensor[] | undefined;

const evaluators: ReadonlyMap<string, Evaluator> = new Map(
  Object.entries({
    ...arithmeticEvaluators,
    ...functionEvaluators,
    ...matrixEvaluators,
    ...movementEvaluators,
    ...normalizationEvaluators,
    ...placementEvaluators,
    ...quantizationEvaluators,
    ...reductionEvaluators,
  }),
);

/** Larger results are computed only where they are no larger than what they are made of. */
const maxElements = 1 << 24;

/**
 * How much folding a graph may cost, in elements read and written: some thirty million, more than a ResNet-50 whose weights are
 * all made by ConstantOfShape, and several times what it brings along as constants. A model whose purpose is to keep us busy is
 * left as it is.
 */
export class FoldingBudget {
  #left: number;

  constructor(constants: Iterable<Tensor>) {
    this.#left = 1 << 25;
    for (const tensor of constants) this.#left += 4 * elementCount(tensor.shape);
  }

  spend(elements: number): boolean {
    this.#left -= elements;
    return this.#left >= 0;
  }
}

/** The outputs of a node whose inputs are all constant. */
export function evaluate(
  context: InferContext,
  types: readonly (ValueType | undefined)[],
  budget: FoldingBudget,
): readonly Tensor[] | undefined {
  const evaluator = evaluators.get(context.node.op);
  if (evaluator === undefined) return undefined;
  const [required, most] = arity.get(context.node.op) ?? [0, 0];
  const present = Array.from({ length: required }, (_, index) => context.has(index));
  if (present.includes(false) || context.node.inputs.length > most) return undefined;
  const inputs = context.node.inputs.map((_, index) => context.constant(index));
  const missing = inputs.some(
    (tensor, index) => context.has(index) && (tensor === undefined || tensor.dtype === 'string'),
  );
  if (missing) return undefined;
  const outputs = types.slice(0, context.node.outputs.length);
  if (outputs.length !== context.node.outputs.length) return undefined;
  const shapes: (readonly number[])[] = [];
  for (const type of outputs) {
    if (type?.shape === undefined || !type.shape.every((dim) => typeof dim === 'number')) return undefined;
    shapes.push(type.shape as readonly number[]);
  }
  const taken = inputs.reduce((sum, tensor) => sum + (tensor ? elementCount(tensor.shape) : 0), 0);
  const given = shapes.reduce((sum, shape) => sum + elementCount(shape), 0);
  const product = matrixEvaluators[context.node.op] && inputs[0] ? productWork(inputs[0], given) : 0;
  if (given > Math.max(maxElements, taken)) return undefined;
  if (!views.has(context.node.op) && !budget.spend(taken + given + product)) return undefined;
  return evaluator(context, inputs, outputs as readonly Required<ValueType>[], shapes);
}
