/**
 * Rewrite passes. A pass looks at one node at a time through a {@link View} of the graph and either leaves it
 * alone or returns an {@link Edit}: nodes to take out, nodes to put in, constants to add. The driver (rewrite.ts)
 * applies edits and sweeps until no pass has one.
 *
 * Every pass preserves what the network computes. Folding changes the order of floating-point operations, so results
 * agree to rounding, not to the bit. Values that survive keep their names, since calibration caches refer to them.
 */

import type { Attribute, Dim, Graph, Node, ValueType } from '../graph/graph.ts';
import type { Tensor } from '../graph/tensor.ts';

export interface Pass {
  /** Kebab case, stable: fixes of the checker and `--passes` refer to it. */
  readonly name: string;
  /** One sentence for users: what becomes what. */
  readonly doc: string;
  /** Why it exists: the DLA rule or the later step that needs it, with its source. */
  readonly since: string;
  /** `normalize` passes run by default; `reconstruct` passes trade one operator for several that the DLA has. */
  readonly kind: 'normalize' | 'reconstruct';
  readonly match: (node: Node, view: View) => Edit | undefined;
}

/** A pass over the whole network at once, before those that look at nodes. */
export interface GraphPass extends Omit<Pass, 'match'> {
  /** The new graph and the names of the nodes that changed; undefined where there is nothing to do. */
  readonly rewrite: (graph: Graph) => { readonly graph: Graph; readonly nodes: readonly string[] } | undefined;
}

/** A node to put in. Without `origin` it stands for every node that the edit takes out. */
export interface NewNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
  readonly origin?: readonly string[];
}

export interface Edit {
  readonly remove: readonly Node[];
  /** In topological order; they stand where the last removed node stood. */
  readonly insert?: readonly NewNode[];
  readonly constants?: readonly (readonly [name: string, tensor: Tensor])[];
  /** Types of values that did not exist before, or that change. */
  readonly values?: readonly (readonly [name: string, type: ValueType])[];
  /** Readers of `from` (or the network, if it is an output) get what `to` holds. See {@link View.canAlias}. */
  readonly alias?: { readonly from: string; readonly to: string };
}

/** The graph as a pass sees it. */
export interface View {
  /** Version of ONNX's default operator domain. */
  readonly opset: number;
  producer(value: string): Node | undefined;
  readers(value: string): readonly Node[];
  /** The one node that reads the value exactly once, when nothing else (an output, a subgraph) needs the value. */
  soleReader(value: string): Node | undefined;
  constant(value: string): Tensor | undefined;
  type(value: string): ValueType | undefined;
  /** The shape, symbols included; undefined while the rank is not known. */
  shape(value: string): readonly Dim[] | undefined;
  /** The INT8 scale that the model itself states. */
  scale(value: string): number | undefined;
  isInput(value: string): boolean;
  isOutput(value: string): boolean;
  /** Whether anything at all reads the value: a node, a subgraph or the caller of the network. */
  isUsed(value: string): boolean;
  /** Whether an alias edit can drop `from`, of which `to` holds the same numbers. */
  canAlias(from: string, to: string): boolean;
  /** A value or node name that is not taken: `base:suffix`, numbered when it must be. */
  fresh(base: string, suffix: string): string;
  /** A name for `value` under another shape. It becomes `value` again if the original shape is needed nowhere. */
  freshShape(value: string): string;
}
