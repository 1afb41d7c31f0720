/**
 * The reason why a task stalls. Most of the operations that are not complete merely wait for others that are not complete
 * either. The report names the causes: operations that wait for something impossible (an event that no operation raises, an
 * engine's queue that does not lead to them, data that no operation hands over) or, where there are none, operations that
 * wait for one another in a circle.
 */

import { fail } from '../../base/errors.ts';
import { events, operationTypes } from '../../loadable/nvdla/format/descriptors.ts';
import type { TaskOperation } from '../../loadable/nvdla/format/task-descriptors.ts';
import { isFlying } from './program/register-writer.ts';
import { canRaise, type EventId, type TaskGraph } from './task-graph.ts';

/** How far an operation has come. */
export interface Standing {
  /** Events that it still waits for. */
  readonly count: number;
  readonly raised: ReadonlySet<EventId>;
  /** Whether it has, or had, a register group. */
  readonly queued: boolean;
  /** The operation in the other group, for one that has a group and is not programmed yet. */
  readonly neighbour?: TaskOperation | undefined;
}

/** The states of an operation, in order; the remaining events come with completion. */
const stages = [events.programmed, events.enabled, events.completed] as const;

/** A stage that an operation has not reached: three to an operation. */
type Node = number;
const nodeOf = ({ index }: TaskOperation, event: EventId): Node =>
  stages.length * index + (event === events.programmed ? 0 : event === events.enabled ? 1 : 2);

/** Why an operation does not reach a stage: another stage has to come first (`by`), or it never can. */
interface Obstacle {
  /** Absent where `by` is an earlier stage of the same operation. */
  readonly text?: string;
  readonly by?: Node;
}

const mostReasons = 8;

const phrases: Readonly<Record<EventId, string>> = {
  [events.completed]: 'to be completed',
  [events.programmed]: 'to be programmed',
  [events.enabled]: 'to be enabled',
  [events.weightsFetched]: 'to have fetched its weights',
  [events.dataFetched]: 'to have fetched its data',
};

/** @throws device/stalled always */
export function reportStall(graph: TaskGraph, standing: (operation: TaskOperation) => Standing): never {
  const { operations } = graph.task;
  const left = operations.filter((operation) => !standing(operation).raised.has(events.completed));
  const culprits = new Obstacles(graph, standing, left).culprits();
  const texts = culprits.slice(0, mostReasons).map(({ operation, text }) => `${graph.label(operation)} ${text}`);
  if (culprits.length > mostReasons) texts.push(`and ${culprits.length - mostReasons} more`);
  const layer = culprits[0] && graph.layer(culprits[0].operation);
  const detail = {
    expected: `${operations.length} operations`,
    actual: `${operations.length - left.length} completed`,
  };
  return fail('device/stalled', texts.join('; '), layer === undefined ? {} : { layer }, detail);
}

interface Culprit {
  readonly operation: TaskOperation;
  readonly text: string;
}

class Obstacles {
  readonly #graph: TaskGraph;
  readonly #standing: (operation: TaskOperation) => Standing;
  readonly #of = new Map<Node, readonly Obstacle[]>();
  /** Stages that wait for a stage. */
  readonly #kept = new Map<Node, Node[]>();
  /** The operation before each one in the queue of its engine, by index. */
  readonly #before = new Map<number, TaskOperation>();

  constructor(graph: TaskGraph, standing: (operation: TaskOperation) => Standing, left: readonly TaskOperation[]) {
    this.#graph = graph;
    this.#standing = standing;
    for (const operation of graph.task.operations) {
      const next = operation.common.consumers[operationTypes.indexOf(operation.type)]!.index;
      if (next !== -1) this.#before.set(next, operation);
    }
    for (const operation of left) {
      for (const event of stages) {
        if (!standing(operation).raised.has(event)) {
          this.#of.set(nodeOf(operation, event), this.#obstacles(operation, event));
        }
      }
    }
    for (const [node, found] of this.#of) {
      for (const { by } of found) {
        if (by === undefined) continue;
        const kept = this.#kept.get(by);
        if (kept) kept.push(node);
        else this.#kept.set(by, [node]);
      }
    }
  }

  culprits(): readonly Culprit[] {
    const explained = new Set<Node>();
    const explain = (culprit: Node): void => {
      const waiting = [culprit];
      for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
        if (explained.has(node)) continue;
        explained.add(node);
        waiting.push(...(this.#kept.get(node) ?? []));
      }
    };
    const found: Culprit[] = [];
    for (const [node, obstacles] of this.#of) {
      const roots = obstacles.filter(({ by }) => by === undefined);
      found.push(...roots.map(({ text }) => this.#culprit(node, text!)));
      if (roots.length > 0) explain(node);
    }
    for (const node of this.#of.keys()) {
      if (explained.has(node)) continue;
      const circle = this.#circle(node);
      for (const one of circle) {
        const { text } = this.#of.get(one)![0]!;
        if (text !== undefined) found.push(this.#culprit(one, text));
      }
      explain(circle[0]!);
    }
    return found;
  }

  #culprit(node: Node, text: string): Culprit {
    return { operation: this.#graph.task.operations[Math.floor(node / stages.length)]!, text };
  }

  /** The circle that following the first obstacles leads into. */
  #circle(start: Node): readonly Node[] {
    const path: Node[] = [];
    const seen = new Map<Node, number>();
    for (let node = start; ; ) {
      const known = seen.get(node);
      if (known !== undefined) return path.slice(known);
      const by = this.#of.get(node)?.[0]?.by;
      if (by === undefined) throw new Error('nothing keeps an operation that is not completed');
      seen.set(node, path.length);
      path.push(node);
      node = by;
    }
  }

  #obstacles(operation: TaskOperation, event: EventId): readonly Obstacle[] {
    const { raised } = this.#standing(operation);
    switch (event) {
      case events.programmed:
        return [this.#place(operation)];
      case events.enabled: {
        const own = raised.has(events.programmed) ? [] : [{ by: nodeOf(operation, events.programmed) }];
        return [...this.#waits(operation), ...own];
      }
      default:
        return raised.has(events.enabled) ? this.#partners(operation) : [{ by: nodeOf(operation, events.enabled) }];
    }
  }

  /** Why an operation has no register group, or may not write what the two groups share. */
  #place(operation: TaskOperation): Obstacle {
    const { index, type } = operation;
    const { neighbour } = this.#standing(operation);
    if (neighbour) {
      const what = type === 'bdma' ? 'transfers' : 'lookup table';
      return {
        text: `waits for ${this.#graph.label(neighbour)} to leave it its ${what}`,
        by: nodeOf(neighbour, events.completed),
      };
    }
    const previous = this.#before.get(index);
    if (previous === undefined) {
      return { text: 'was never queued: it is the head of no engine and follows no operation' };
    }
    const text = (other: TaskOperation): string => `follows ${this.#graph.label(other)} in the queue of ${type}`;
    if (!this.#standing(previous).queued) return { text: text(previous), by: nodeOf(previous, events.programmed) };
    // An engine has two groups: this operation gets the group of the one before its predecessor.
    const ahead = this.#before.get(previous.index) ?? previous;
    return { text: text(ahead), by: nodeOf(ahead, events.completed) };
  }

  #waits(operation: TaskOperation): readonly Obstacle[] {
    const found = this.#graph.waits[operation.index]!.flatMap(({ producer, event }): readonly Obstacle[] => {
      const name = this.#graph.label(producer);
      if (!canRaise(producer, event)) return [{ text: `waits for event ${event} of ${name}, which never raises it` }];
      if (this.#standing(producer).raised.has(event)) return [];
      return [{ text: `waits for ${name} ${phrases[event]}`, by: nodeOf(producer, event) }];
    });
    const nobodys = this.#standing(operation).count - found.length;
    if (nobodys <= 0) return found;
    return [...found, { text: `waits for ${nobodys === 1 ? 'an event' : `${nobodys} events`} that nobody raises` }];
  }

  /** What an enabled operation waits for: its predecessor in the queue, or the operations that it works with on the fly. */
  #partners(operation: TaskOperation): readonly Obstacle[] {
    const { index, type } = operation;
    const previous = this.#before.get(index);
    if (previous && !this.#standing(previous).raised.has(events.completed)) {
      const text = `follows ${this.#graph.label(previous)} in the queue of ${type}`;
      return [{ text, by: nodeOf(previous, events.completed) }];
    }
    const partners: Obstacle[] = [];
    if (type === 'conv') partners.push(this.#next(operation, 'sdp'));
    if (type === 'sdp' || type === 'pdp') {
      if (isFlying(operation.surfaces.src)) partners.push(this.#previous(operation));
      if (isFlying(operation.surfaces.dst)) partners.push(this.#next(operation, 'pdp'));
    }
    return partners.length > 0 ? partners : [{ text: 'is enabled, and the hardware never completes it' }];
  }

  #next(operation: TaskOperation, type: 'sdp' | 'pdp'): Obstacle {
    const named = operation.common.consumers[operationTypes.indexOf(type)]!.index;
    const next = this.#graph.task.operations.find(
      (other) =>
        other.type === type &&
        isFlying(other.surfaces.src) &&
        (other.common.fusedParent.index === operation.index || other.index === named),
    );
    return this.#partner(next, 'to take its data', `no operation of ${type} takes its data`);
  }

  #previous({ index, type, common }: TaskOperation): Obstacle {
    const { operations } = this.#graph.task;
    const slot = operationTypes.indexOf(type);
    const previous =
      operations[common.fusedParent.index] ??
      operations.find(
        (other) => other.type === operationTypes[slot - 1] && other.common.consumers[slot]!.index === index,
      );
    return this.#partner(previous, 'to hand it data', 'no operation hands it data');
  }

  #partner(partner: TaskOperation | undefined, what: string, nobody: string): Obstacle {
    const raised = partner && this.#standing(partner).raised;
    if (!raised || raised.has(events.completed)) return { text: `is enabled, and ${nobody}` };
    const stage = raised.has(events.enabled) ? events.completed : events.enabled;
    return { text: `waits for ${this.#graph.label(partner)} ${what}`, by: nodeOf(partner, stage) };
  }
}
