/**
 * The working copy of a Graph while passes run. Graphs are immutable; copying one for each of a thousand edits would be
 * quadratic, so the driver opens an editor, applies edits, and takes the new Graph out at the end.
 *
 * Order: every original node has a slot, and a node that is put in goes to the slot of the last node it replaces. What
 * it reads was made before the nodes it replaces, what it makes is read after them, so the order stays topological.
 */

import { capturesOf, type Dim, type Graph, type Node, type ValueType } from '../graph/graph.ts';
import type { Tensor } from '../graph/tensor.ts';
import type { Edit, View } from './pass.ts';

export class GraphEditor implements View {
  readonly opset: number;
  readonly #graph: Graph;
  readonly #slots: Node[][];
  readonly #slotOf = new Map<Node, number>();
  readonly #producer = new Map<string, Node>();
  readonly #readers = new Map<string, Set<Node>>();
  readonly #constants: Map<string, Tensor>;
  readonly #values: Map<string, ValueType>;
  readonly #scales: Map<string, number>;
  readonly #inputs: ReadonlySet<string>;
  readonly #outputs: ReadonlySet<string>;
  /** Names that subgraphs of control-flow nodes may refer to. */
  readonly #pinned: ReadonlySet<string>;
  readonly #names = new Set<string>();
  readonly #reshaped = new Map<string, string>();
  /** Where the nodes of the original model stood. */
  readonly #position: ReadonlyMap<string, number>;

  constructor(graph: Graph) {
    this.#graph = graph;
    this.opset = graph.opsets[''] ?? 0;
    this.#slots = graph.nodes.map((node) => [node]);
    this.#constants = new Map(graph.constants);
    this.#values = new Map(graph.values);
    this.#scales = new Map(graph.scales);
    this.#inputs = new Set(graph.inputs);
    this.#outputs = new Set(graph.outputs);
    this.#pinned = namesInSubgraphs(graph);
    this.#position = new Map(graph.nodes.flatMap((node) => node.origin).map((name, index) => [name, index]));
    for (const name of [...graph.inputs, ...graph.outputs, ...graph.constants.keys(), ...graph.values.keys()]) {
      this.#names.add(name);
    }
    graph.nodes.forEach((node, slot) => {
      this.#add(node, slot);
    });
  }

  /** The nodes as they are now, in order. */
  nodes(): Node[] {
    return this.#slots.flat();
  }

  has(node: Node): boolean {
    return this.#slotOf.has(node);
  }

  producer(value: string): Node | undefined {
    return this.#producer.get(value);
  }

  readers(value: string): readonly Node[] {
    return [...(this.#readers.get(value) ?? [])].sort((a, b) => this.#slotOf.get(a)! - this.#slotOf.get(b)!);
  }

  soleReader(value: string): Node | undefined {
    const readers = this.#readers.get(value);
    if (readers?.size !== 1 || this.#outputs.has(value) || this.#pinned.has(value)) return undefined;
    const [reader] = readers;
    return reader!.inputs.filter((input) => input === value).length === 1 ? reader : undefined;
  }

  constant(value: string): Tensor | undefined {
    return this.#constants.get(value);
  }

  type(value: string): ValueType | undefined {
    return this.#values.get(value);
  }

  shape(value: string): readonly Dim[] | undefined {
    return this.#values.get(value)?.shape ?? this.#constants.get(value)?.shape;
  }

  scale(value: string): number | undefined {
    return this.#scales.get(value);
  }

  isInput(value: string): boolean {
    return this.#inputs.has(value);
  }

  isOutput(value: string): boolean {
    return this.#outputs.has(value);
  }

  isUsed(value: string): boolean {
    return this.#outputs.has(value) || this.#pinned.has(value) || (this.#readers.get(value)?.size ?? 0) > 0;
  }

  canAlias(from: string, to: string): boolean {
    if (this.#pinned.has(from)) return false;
    if (!this.#outputs.has(from)) return true;
    return this.#producer.has(to) && !this.#outputs.has(to) && !this.#inputs.has(to) && !this.#pinned.has(to);
  }

  fresh(base: string, suffix: string): string {
    const stem = base.endsWith(`:${suffix}`) ? base : `${base}:${suffix}`;
    let name = stem;
    for (let number = 2; this.#names.has(name); number++) name = `${stem}${number}`;
    this.#names.add(name);
    return name;
  }

  freshShape(value: string): string {
    const name = this.fresh(value, '4d');
    this.#reshaped.set(name, this.#reshaped.get(value) ?? value);
    return name;
  }

  apply(edit: Edit): void {
    const slot = Math.max(...edit.remove.map((node) => this.#slotOf.get(node) ?? -1));
    if (slot < 0) throw new Error('an edit must remove a node that is in the graph');
    const at = Math.max(
      ...edit.remove.filter((node) => this.#slotOf.get(node) === slot).map((node) => this.#slots[slot]!.indexOf(node)),
    );
    const before = this.#slots[slot]!.slice(0, at + 1).filter((node) => !edit.remove.includes(node)).length;
    const origin = this.#origins(edit.remove);
    for (const node of edit.remove) this.#remove(node);
    for (const [name, tensor] of edit.constants ?? []) {
      this.#constants.set(name, tensor);
      this.#values.set(name, { dtype: tensor.dtype, shape: tensor.shape });
      this.#names.add(name);
    }
    for (const [name, type] of edit.values ?? []) this.#values.set(name, type);
    const inserted = (edit.insert ?? []).map(
      (node): Node => ({ domain: '', attributes: {}, ...node, origin: node.origin ?? origin }),
    );
    inserted.forEach((node, index) => {
      this.#slots[slot]!.splice(before + index, 0, node);
      this.#add(node, slot);
    });
    if (edit.alias) this.#alias(edit.alias.from, edit.alias.to);
  }

  /** The graph as edited, without constants and types that nothing refers to any more. */
  finish(): Graph {
    for (const [name, value] of this.#reshaped) {
      if (this.#producer.has(name) && !this.#producer.has(value) && !this.#inputs.has(value)) {
        const type = this.#values.get(name);
        this.#rename(name, value);
        if (type) this.#values.set(value, type);
      }
    }
    const nodes = this.nodes();
    const alive = new Set<string>([
      ...this.#graph.inputs,
      ...this.#graph.outputs,
      ...this.#pinned,
      ...nodes.flatMap((node) => [...node.inputs, ...node.outputs]),
    ]);
    const keep = <T>(map: ReadonlyMap<string, T>) => new Map([...map].filter(([name]) => alive.has(name)));
    const graph = { ...this.#graph, nodes, constants: keep(this.#constants), values: keep(this.#values) };
    return this.#graph.scales ? { ...graph, scales: keep(this.#scales) } : graph;
  }

  /** The origins of several nodes, without repetition, in the original order. */
  #origins(nodes: readonly Node[]): readonly string[] {
    const names = [...new Set(nodes.flatMap((node) => node.origin))];
    return names.sort((a, b) => (this.#position.get(a) ?? 0) - (this.#position.get(b) ?? 0));
  }

  #add(node: Node, slot: number): void {
    this.#slotOf.set(node, slot);
    this.#names.add(node.name);
    for (const output of node.outputs) {
      if (output === '') continue;
      this.#names.add(output);
      this.#producer.set(output, node);
    }
    for (const input of node.inputs) {
      if (input === '') continue;
      const readers = this.#readers.get(input);
      if (readers) readers.add(node);
      else this.#readers.set(input, new Set([node]));
    }
  }

  #remove(node: Node): void {
    const slot = this.#slotOf.get(node);
    if (slot === undefined) throw new Error(`node ${node.name} is not in the graph`);
    this.#slots[slot] = this.#slots[slot]!.filter((other) => other !== node);
    this.#slotOf.delete(node);
    for (const output of node.outputs) if (this.#producer.get(output) === node) this.#producer.delete(output);
    for (const input of node.inputs) this.#readers.get(input)?.delete(node);
  }

  #replace(node: Node, replacement: Node): void {
    const slot = this.#slotOf.get(node)!;
    const at = this.#slots[slot]!.indexOf(node);
    this.#remove(node);
    this.#slots[slot]!.splice(at, 0, replacement);
    this.#add(replacement, slot);
  }

  #alias(from: string, to: string): void {
    if (!this.canAlias(from, to)) throw new Error(`${from} cannot be replaced by ${to}`);
    // They are one tensor, which has the scale that the model states for either.
    const kept = this.#outputs.has(from) ? from : to;
    const scale = this.#scales.get(kept) ?? this.#scales.get(kept === from ? to : from);
    if (scale !== undefined) this.#scales.set(kept, scale);
    if (this.#outputs.has(from)) {
      this.#rename(to, from);
      return;
    }
    for (const reader of this.readers(from)) {
      this.#replace(reader, { ...reader, inputs: reader.inputs.map((input) => (input === from ? to : input)) });
    }
  }

  /** Gives the value `from` the name `to`, which nothing produces. */
  #rename(from: string, to: string): void {
    const named = (names: readonly string[]) => names.map((name) => (name === from ? to : name));
    const producer = this.#producer.get(from)!;
    this.#replace(producer, { ...producer, outputs: named(producer.outputs) });
    for (const reader of this.readers(from)) this.#replace(reader, { ...reader, inputs: named(reader.inputs) });
  }
}

/** What subgraphs of control-flow nodes take from the graph by name: such values keep their names and their makers. */
function namesInSubgraphs(graph: Graph): Set<string> {
  const subgraphs = graph.nodes.flatMap((node) => Object.values(node.attributes));
  return new Set(subgraphs.flatMap((attribute) => (attribute.kind === 'graph' ? capturesOf(attribute.value) : [])));
}
