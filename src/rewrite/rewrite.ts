/**
 * Graph → Graph. Passes run in the order of the table (passes.ts), each until it finds nothing more, and the table is
 * run through again until no pass does. What is in float16 becomes float32 before, since the passes work in float32. Every
 * pass takes something away or moves one thing in one direction, so that this ends; the limit below would only be reached by
 * a bug.
 */

import { fail } from '../base/errors.ts';
import type { Graph, Node } from '../graph/graph.ts';
import { GraphEditor } from './editor.ts';
import type { Pass } from './pass.ts';
import { graphPasses, nodePasses, passes } from './passes.ts';

export interface RewriteOptions {
  /** Names of passes, run in the table's order, `float16-to-float32` always the first. Without it: the `normalize` passes. */
  readonly passes?: readonly string[];
}

export interface AppliedPass {
  readonly pass: string;
  /** Names of the nodes that were changed or taken out, in the order in which it happened. */
  readonly nodes: readonly string[];
}

export interface RewriteResult {
  readonly graph: Graph;
  /** Passes that changed something, in table order. */
  readonly applied: readonly AppliedPass[];
}

/** A network in the form that the board gets. */
export interface PreparedNetwork {
  /** As read. */
  readonly original: Graph;
  /** After rewriting: what is calibrated, compiled and deployed. */
  readonly graph: Graph;
  readonly applied: readonly AppliedPass[];
}

const normalizePasses: readonly string[] = passes.filter((pass) => pass.kind === 'normalize').map((pass) => pass.name);

export const preparePasses: readonly string[] = passes.map((pass) => pass.name);

/** @throws rewrite/unknown-pass */
export function rewrite(graph: Graph, options: RewriteOptions = {}): RewriteResult {
  const wanted = select(options.passes ?? normalizePasses);
  const changed = new Map<string, string[]>();
  let start = graph;
  for (const pass of options.passes?.length === 0 ? [] : graphPasses) {
    const result = pass.rewrite(start);
    if (result === undefined) continue;
    start = result.graph;
    changed.set(pass.name, [...result.nodes]);
  }
  const editor = new GraphEditor(start);
  let budget = 1000 + 100 * graph.nodes.length;
  for (let again = true; again; ) {
    again = false;
    for (const pass of wanted) {
      for (let swept = sweep(editor, pass); swept.length > 0; swept = sweep(editor, pass)) {
        again = true;
        changed.set(pass.name, [...(changed.get(pass.name) ?? []), ...swept]);
        budget -= swept.length;
        if (budget < 0) throw new Error(`rewriting does not end; last pass ${pass.name}`);
      }
    }
  }
  const applied = [...graphPasses, ...wanted]
    .filter((pass) => changed.has(pass.name))
    .map((pass) => ({ pass: pass.name, nodes: [...new Set(changed.get(pass.name))] }));
  return applied.length === 0 ? { graph, applied } : { graph: editor.finish(), applied };
}

/**
 * Tries passes on a graph, each on the graph as given and over the nodes alone that have an origin among those named. An attempt gives
 * the graph after the pass, undefined where it finds nothing.
 */
export function attempts(graph: Graph, origins: ReadonlySet<string>): (pass: Pass) => Graph | undefined {
  const isWanted = (node: Node) => node.origin.some((name) => origins.has(name));
  /** Of the graph as given, as long as no pass has found anything. */
  let untouched: GraphEditor | undefined;
  return (pass) => {
    const editor = untouched ?? new GraphEditor(graph);
    untouched = editor;
    while (sweep(editor, pass, isWanted).length > 0) untouched = undefined;
    return untouched ? undefined : editor.finish();
  };
}

function select(names: readonly string[]): readonly Pass[] {
  for (const name of names) {
    if (!passes.some((pass) => pass.name === name)) {
      fail(
        'rewrite/unknown-pass',
        `there is no pass "${name}"`,
        {},
        { expected: preparePasses.join(', '), actual: name },
      );
    }
  }
  return nodePasses.filter((pass) => names.includes(pass.name));
}

function sweep(editor: GraphEditor, pass: Pass, isWanted: (node: Node) => boolean = () => true): string[] {
  const changed: string[] = [];
  for (const node of editor.nodes()) {
    if (!isWanted(node) || !editor.has(node)) continue;
    const edit = pass.match(node, editor);
    if (!edit) continue;
    editor.apply(edit);
    changed.push(...edit.remove.map((removed) => removed.name));
  }
  return changed;
}
