/** Shapes that a user gives for the inputs: `--shapes image:1x3x224x224,mask:1x1x224x224`, as trtexec spells them. */

import { fail } from '../base/errors.ts';
import type { Dim, Graph, ValueType } from '../graph/graph.ts';

const maxDimension = 2 ** 31 - 1;

/**
 * The shapes by input name. Input names may contain colons; the last one separates.
 *
 * @throws shape/binding
 */
export function parseShapes(text: string): ReadonlyMap<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  for (const part of text.split(',').map((piece) => piece.trim())) {
    if (part === '') continue;
    const match = /^(?<name>.+):(?<dims>\d+(x\d+)*|scalar)$/.exec(part);
    const name = match?.groups?.name?.replace(/^['"](.*)['"]$/, '$1');
    if (match?.groups === undefined || !name) {
      fail('shape/binding', 'a shape is malformed', {}, { expected: 'name:1x3x224x224', actual: part });
    }
    const dims = match.groups.dims === 'scalar' ? [] : match.groups.dims!.split('x').map(Number);
    if (dims.some((dim) => dim < 1 || dim > maxDimension)) {
      fail('shape/binding', 'a dimension is zero or too large', { value: name }, { actual: match.groups.dims! });
    }
    if (shapes.has(name)) fail('shape/binding', 'an input has two shapes', { value: name });
    shapes.set(name, dims);
  }
  return shapes;
}

/**
 * The graph with its inputs' shapes replaced. A symbol is bound wherever it appears, in other inputs too.
 *
 * @throws shape/binding
 */
export function bindShapes(graph: Graph, shapes: ReadonlyMap<string, readonly number[]>): Graph {
  if (shapes.size === 0) return graph;
  const symbols = new Map<string, number>();
  const values = new Map<string, ValueType>(graph.values);
  for (const [name, shape] of shapes) {
    const type = graph.inputs.includes(name) ? graph.values.get(name) : undefined;
    if (type === undefined) {
      fail('shape/binding', 'the network has no such input', { value: name }, { expected: graph.inputs.join(' or ') });
    }
    bindOne(name, type, shape, symbols);
    values.set(name, { dtype: type.dtype, shape });
  }
  const bound = (dim: Dim): Dim => (typeof dim === 'string' ? (symbols.get(dim) ?? dim) : dim);
  for (const [name, { dtype, shape }] of values) if (shape) values.set(name, { dtype, shape: shape.map(bound) });
  return { ...graph, values };
}

function bindOne(name: string, type: ValueType, shape: readonly number[], symbols: Map<string, number>): void {
  const declared = type.shape;
  if (declared === undefined) return;
  const mismatch = (message: string): never =>
    fail('shape/binding', message, { value: name }, { expected: `[${declared.join(', ')}]`, actual: shape.join('x') });
  if (declared.length !== shape.length) mismatch('the shape has the wrong rank');
  for (const [axis, dim] of declared.entries()) {
    const size = shape[axis]!;
    if (!Number.isInteger(size) || size < 1 || size > maxDimension) mismatch('a dimension is zero or too large');
    if (typeof dim === 'number' && dim !== size) mismatch(`dimension ${axis} is fixed in the model`);
    if (typeof dim !== 'string') continue;
    const before = symbols.get(dim);
    if (before !== undefined && before !== size) mismatch(`the symbol ${dim} is bound to ${before} already`);
    symbols.set(dim, size);
  }
}
