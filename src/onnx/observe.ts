/**
 * Running a graph so that its values can be seen. A runtime that gives every value at once holds all of them; a large picture's are
 * gigabytes. So the graph runs in parts: each hands on what later parts read, and what nobody reads any more is let go. What is held at
 * any time is near to what the network itself needs, and a network whose values are small runs in one part, as ever.
 */

import { elementSize } from '../base/data-type.ts';
import { fail } from '../base/errors.ts';
import { type Graph, readsOf, staticShape } from '../graph/graph.ts';
import { elementCount, type Tensor } from '../graph/tensor.ts';
import type { OnnxRuntime, OnnxSession } from './session.ts';
import { extractSubgraph, withOutputs } from './subgraph.ts';
import { writeModel } from './write.ts';

export interface ObserveOptions {
  readonly threads?: number | undefined;
  /** Bytes of the values of one part; half of what the network holds at least when not given. */
  readonly partBytes?: number;
}

export interface ObservedSession {
  /**
   * Runs once and shows the values that were asked for, in the order in which they are computed. The bytes of a tensor are gone when
   * `see` returns.
   * @throws run/host-failed, and what `see` throws
   */
  run(feeds: Readonly<Record<string, Tensor>>, see: (value: string, tensor: Tensor) => void): Promise<void>;
  close(): Promise<void>;
}

/** A part of the graph that runs on its own. */
interface Part {
  readonly model: Graph;
  /** Values of the part that are shown. */
  readonly shown: readonly string[];
  /** Values that no later part reads. */
  readonly last: readonly string[];
}

interface LoadedPart extends Part {
  readonly session: OnnxSession;
}

/**
 * @param values computed by nodes of the graph
 * @throws onnx/graph when the graph has no value of a name; run/host-failed
 */
export async function observe(
  runtime: OnnxRuntime,
  graph: Graph,
  values: readonly string[],
  options: ObserveOptions = {},
): Promise<ObservedSession> {
  const { threads } = options;
  const parts: LoadedPart[] = [];
  const close = async (): Promise<void> => {
    for (const { session } of parts) await session.close();
  };
  try {
    for (const part of partsOf(graph, values, options.partBytes)) {
      const session = await runtime.createSession(writeModel(part.model), {
        optimise: false,
        ...(threads !== undefined && { threads }),
      });
      parts.push({ ...part, session });
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async run(feeds, see) {
      const held = new Map(Object.entries(feeds));
      for (const { model, session, shown, last } of parts) {
        const given = model.inputs.map((name) => [name, held.get(name)!] as const);
        const results = new Map(Object.entries(await session.run(Object.fromEntries(given))));
        for (const name of shown) {
          const tensor = results.get(name);
          if (!tensor) return fail('run/host-failed', `${runtime.name} gave no value of that name`, { value: name });
          see(name, tensor);
        }
        for (const [name, tensor] of results) held.set(name, tensor);
        for (const name of last) {
          const tensor = held.get(name);
          held.delete(name);
          if (tensor && !Object.hasOwn(feeds, name)) letGo(tensor);
        }
      }
    },
    close,
  };
}

/** Gives the memory of a result back at once; where a platform cannot, its garbage collector does. */
function letGo({ bytes: { buffer } }: Tensor): void {
  if ('transfer' in buffer && typeof buffer.transfer === 'function') buffer.transfer(0);
}

const leastPart = 32 * 2 ** 20;

/** Cuts a graph where the values of a part have become many, in the order of its nodes. */
function partsOf(graph: Graph, values: readonly string[], partBytes?: number): readonly Part[] {
  if (values.length === 0) return [];
  const { nodes } = graph;
  const wanted = new Set(values);
  const lastRead = new Map<string, number>();
  for (const [index, node] of nodes.entries()) for (const name of readsOf(node)) lastRead.set(name, index);
  const bytesOf = (name: string): number => {
    const [type, shape] = [graph.values.get(name), staticShape(graph, name)];
    return type && shape ? elementCount(shape) * elementSize[type.dtype] : 0;
  };
  const computed = (index: number) => nodes[index]!.outputs.filter((name) => name !== '');
  /** What a node is the last to read, of what nodes compute. */
  const ending = nodes.map((): string[] => []);
  for (const [index] of nodes.entries()) {
    for (const name of computed(index)) ending[lastRead.get(name) ?? index]!.push(name);
  }
  let [live, most] = [0, 0];
  for (const [index] of nodes.entries()) {
    for (const name of computed(index)) live += bytesOf(name);
    most = Math.max(most, live);
    for (const name of ending[index]!) live -= bytesOf(name);
  }
  const limit = partBytes ?? Math.max(leastPart, most / 2);

  const ranges: { readonly from: number; readonly to: number }[] = [];
  /** Values that a later node reads and whose type is not known, so that no part can take them. */
  const untyped = new Set<string>();
  let [from, held] = [0, 0];
  for (const [index] of nodes.entries()) {
    const own = computed(index);
    const size = own.reduce((sum, name) => sum + bytesOf(name), 0);
    if (index > from && held + size > limit && untyped.size === 0) {
      ranges.push({ from, to: index });
      [from, held] = [index, 0];
    }
    held += size;
    for (const name of own) if (!graph.values.has(name)) untyped.add(name);
    for (const name of ending[index]!) untyped.delete(name);
  }
  if (ranges.length === 0) {
    const model = withOutputs({ ...graph, outputs: [] }, values);
    return [{ model, shown: values, last: values }];
  }
  ranges.push({ from, to: nodes.length });
  const given = new Set(graph.inputs);
  return ranges.flatMap(({ from, to }): Part[] => {
    const own = nodes.slice(from, to);
    const made = new Set(own.flatMap((node) => node.outputs));
    const reads = [...new Set(own.flatMap(readsOf))];
    const inputs = reads.filter((name) => !made.has(name) && (given.has(name) || !graph.constants.has(name)));
    const shown = values.filter((name) => made.has(name));
    const handed = [...made].filter((name) => name !== '' && (lastRead.get(name) ?? 0) >= to && !wanted.has(name));
    const outputs = [...shown, ...handed];
    if (outputs.length === 0) return [];
    const model = extractSubgraph(
      graph,
      own.map(({ name }) => name),
      inputs,
      outputs,
    );
    const last = [...outputs, ...inputs].filter((name) => (lastRead.get(name) ?? 0) < to);
    return [{ model, shown, last }];
  });
}
