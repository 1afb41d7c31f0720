/**
 * The dependency graph of a task, checked once before anything runs: every link leads to an operation of the engine that
 * it names, and no operation is told of more events than it waits for (at which the stock firmware halts). Waiting for an
 * event that no operation raises is not refused here; the operation stalls when it runs.
 */

import { fail } from '../../base/errors.ts';
import { events, operationTypes } from '../../loadable/nvdla/format/descriptors.ts';
import type { TaskDescriptors, TaskOperation } from '../../loadable/nvdla/format/task-descriptors.ts';

export type EventId = (typeof events)[keyof typeof events];

/** An operation waits for another one, the producer, to raise an event. */
interface Link {
  readonly producer: TaskOperation;
  readonly event: number;
}

export interface TaskGraph {
  readonly task: TaskDescriptors;
  /** By the index of the operation that waits. */
  readonly waits: readonly (readonly Link[])[];
  /** `operation 3 (sdp)`, with the layer that it is of where that is known. */
  readonly label: (operation: TaskOperation) => string;
  /** The layer that an operation is of. */
  readonly layer: (operation: TaskOperation) => string | undefined;
}

/** Only a convolution raises the events of fetching. */
export const canRaise = ({ type }: TaskOperation, event: number): event is EventId =>
  event >= events.completed && event <= (type === 'conv' ? events.dataFetched : events.enabled);

/** @param layers the layer that each operation is of @throws loadable/corrupt */
export function taskGraph(task: TaskDescriptors, layers: readonly string[] = []): TaskGraph {
  const { operations } = task;
  const layer = ({ index }: TaskOperation): string | undefined => layers[index];
  const label = (operation: TaskOperation): string => {
    const name = layer(operation);
    return `operation ${operation.index} (${operation.type}${name === undefined ? '' : ` of ${name}`})`;
  };
  const waits = operations.map((): Link[] => []);
  for (const producer of operations) {
    const { consumers, fusedParent } = producer.common;
    for (const [slot, { index, event }] of consumers.entries()) {
      if (index === -1) continue;
      checkLink(operations[index], index, slot, `${label(producer)} names as a consumer`);
      waits[index]!.push({ producer, event });
    }
    if (fusedParent.index === -1) continue;
    const { index, event } = fusedParent;
    const slot = operationTypes.indexOf(producer.type) - 1;
    checkLink(operations[index], index, slot, `${label(producer)} names as its fused parent`);
    waits[index]!.push({ producer, event });
  }
  for (const operation of operations) {
    const raised = waits[operation.index]!.filter(({ producer, event }) => canRaise(producer, event));
    const { dependencyCount } = operation.common;
    if (raised.length <= dependencyCount) continue;
    fail(
      'loadable/corrupt',
      `${label(operation)} is told of more events than it waits for`,
      {},
      {
        expected: dependencyCount,
        actual: `${raised.length}: of ${raised.map(({ producer }) => label(producer)).join(', ')}`,
      },
    );
  }
  return { task, waits, label, layer };
}

function checkLink(linked: TaskOperation | undefined, index: number, slot: number, what: string): void {
  const type = operationTypes[slot];
  if (linked !== undefined && linked.type === type) return;
  const actual =
    linked === undefined ? `operation ${index}, which is not there` : `operation ${index} (${linked.type})`;
  fail('loadable/corrupt', `${what} an operation of another engine`, {}, { expected: type ?? 'none', actual });
}
