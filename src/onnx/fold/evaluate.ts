/**
 * Constant folding: what a node computes when all its inputs are constants, exactly as ONNX defines it, or undefined
 * where that is not certain (a division by zero, a cast out of range, a function whose last bit depends on the library).
 */

import type { ValueType } from '../../graph/graph.ts';
import { elementCount, type Tensor } from '../../graph/tensor.ts';
import type { InferContext } from '../infer/rule.ts';
import { arithmeticEvaluators } from './arithmetic.ts';
import { movementEvaluators } from './movement.ts';

/** An operator on constants. `shapes` are those of the outputs, already inferred; undefined leaves the node alone. */
export type Evaluator = (
  context: InferContext,
  inputs: readonly (Tensor | undefined)[],
  outputs: readonly Required<ValueType>[],
  shapes: readonly (readonly number[])[],
) => readonly Tensor[] | undefined;

const evaluators: ReadonlyMap<string, Evaluator> = new Map(
  Object.entries({ ...arithmeticEvaluators, ...movementEvaluators }),
);

/** Larger results are computed only where they are no larger than what they are made of. */
const maxElements = 1 << 20;

/** The outputs of a node whose inputs are all constant. */
export function evaluate(
  context: InferContext,
  types: readonly (ValueType | undefined)[],
): readonly Tensor[] | undefined {
  const evaluator = evaluators.get(context.node.op);
  if (evaluator === undefined) return undefined;
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
  if (given > Math.max(maxElements, taken)) return undefined;
  return evaluator(context, inputs, outputs as readonly Required<ValueType>[], shapes);
}
