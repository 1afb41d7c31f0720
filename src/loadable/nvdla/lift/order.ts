/**
 * Groups the operations of a task into the launches of the hardware, in an order that the hardware allows. An engine works
 * through its operations in the order of its queue: the head, then whoever each names as consumer of its own kind. Stages
 * that hand on data without memory meet in that order too: the first convolution with the first single-point operation that
 * waits for one.
 */

import { fail } from '../../../base/errors.ts';
import { memoryCodes } from '../../../program/nvdla/codes.ts';
import { events, type OperationType, operationTypes } from '../format/descriptors.ts';
import type { TaskDescriptors, TaskOperation } from '../format/task-descriptors.ts';

export interface LaunchGroup {
  /** In the order of the stages. */
  readonly operations: readonly TaskOperation[];
  /**
   * Earlier groups that must be complete by the dependency graph; those of the same engine are not listed, since it keeps
   * its order.
   */
  readonly after: readonly number[];
}

/** @throws loadable/corrupt for operations that would never run */
export function launchOrder(task: TaskDescriptors): readonly LaunchGroup[] {
  const queues = queuesOf(task);
  const groups = groupsOf(task, queues);
  const groupOf = new Map(groups.flatMap((own, index) => own.map((operation) => [operation.index, index] as const)));
  const later = groups.map(() => new Set<number>());
  const completed = groups.map(() => new Set<number>());
  const follows = (from: number, to: number): void => {
    if (from !== to) later[from]!.add(to);
  };
  for (const queue of queues.values()) {
    for (const [index, operation] of queue.entries()) {
      if (index > 0) follows(groupOf.get(queue[index - 1]!.index)!, groupOf.get(operation.index)!);
    }
  }
  for (const { index, type, common } of task.operations) {
    for (const link of [...common.consumers, common.fusedParent]) {
      if (link.index === -1) continue;
      const consumer = task.operations[link.index];
      if (!consumer) fail('loadable/corrupt', 'an operation is named that is not there', {}, { actual: link.index });
      const [from, to] = [groupOf.get(index)!, groupOf.get(link.index)!];
      follows(from, to);
      if (from !== to && link.event === events.completed && consumer.type !== type) completed[to]!.add(from);
    }
  }
  const order = sorted(groups, later);
  const positions = new Map(order.map((group, position) => [group, position]));
  return order.map((group) => ({
    operations: groups[group]!,
    after: [...completed[group]!].map((other) => positions.get(other)!).sort((a, b) => a - b),
  }));
}

type Queues = ReadonlyMap<OperationType, readonly TaskOperation[]>;

function queuesOf({ network, operations }: TaskDescriptors): Queues {
  const queued = new Set<number>();
  const queues = new Map(
    operationTypes.map((type, slot) => {
      const queue: TaskOperation[] = [];
      for (let index = network.opHead[slot]!; index !== -1; ) {
        const operation = operations[index];
        if (operation?.type !== type || queued.has(index)) {
          return fail('loadable/corrupt', `the queue of ${type} cannot be followed`, {}, { actual: index });
        }
        queued.add(index);
        queue.push(operation);
        index = operation.common.consumers[slot]!.index;
      }
      return [type, queue] as const;
    }),
  );
  const idle = operations.find(({ index }) => !queued.has(index));
  if (idle) fail('loadable/corrupt', 'an operation is in no queue', {}, { actual: `${idle.type} ${idle.index}` });
  return queues;
}

/** Whether an operation takes its data from the stage before it. */
const flies = (operation: TaskOperation): boolean =>
  (operation.type === 'sdp' || operation.type === 'pdp') &&
  operation.surfaces.src.type === memoryCodes.numbers.hardware;

/** Launches, each by the stages that it has; in no order yet. */
function groupsOf({ operations }: TaskDescriptors, queues: Queues): readonly (readonly TaskOperation[])[] {
  const behind = new Map<TaskOperation, TaskOperation>();
  const pair = (givers: readonly TaskOperation[], takers: readonly TaskOperation[]): void => {
    if (givers.length !== takers.length) {
      const [giver, taker] = [givers.at(-1)?.type, takers.at(-1)?.type];
      const detail = { expected: givers.length, actual: takers.length };
      fail(
        'loadable/corrupt',
        `stages hand on data that nobody takes: ${giver ?? 'none'} to ${taker ?? 'none'}`,
        {},
        detail,
      );
    }
    for (const [index, giver] of givers.entries()) behind.set(giver, takers[index]!);
  };
  const toPooling = (operation: TaskOperation): boolean =>
    operation.type === 'sdp' && operation.surfaces.dst.type === memoryCodes.numbers.hardware;
  pair(queues.get('conv')!, queues.get('sdp')!.filter(flies));
  pair(queues.get('sdp')!.filter(toPooling), queues.get('pdp')!.filter(flies));
  return operations
    .filter((operation) => !flies(operation))
    .map((first) => {
      const stages = [first];
      for (let next = behind.get(first); next; next = behind.get(next)) stages.push(next);
      return stages;
    });
}

/** Groups in topological order; of several that could be next, the one whose operation is listed first. */
function sorted(
  groups: readonly (readonly TaskOperation[])[],
  later: readonly ReadonlySet<number>[],
): readonly number[] {
  const waits = groups.map(() => 0);
  for (const set of later) for (const group of set) waits[group]!++;
  const key = (group: number): number => groups[group]![0]!.index;
  // Descending, so that the next is at the end.
  const ready = groups.flatMap((_, group) => (waits[group] === 0 ? [group] : [])).sort((a, b) => key(b) - key(a));
  const order: number[] = [];
  for (let group = ready.pop(); group !== undefined; group = ready.pop()) {
    order.push(group);
    for (const next of later[group]!) {
      waits[next]!--;
      if (waits[next] !== 0) continue;
      const at = ready.findIndex((other) => key(other) < key(next));
      ready.splice(at < 0 ? ready.length : at, 0, next);
    }
  }
  if (order.length < groups.length) {
    const stuck = groups.findIndex((_, group) => waits[group]! > 0);
    fail('loadable/corrupt', 'operations wait for one another', {}, { actual: `operation ${key(stuck)}` });
  }
  return order;
}
