/**
 * The rules of the dependency graph (nvdla/sw `scheduler.c`): the queue of each engine, the events that operations wait
 * for, and that with two register groups to an engine no operation waits for itself.
 */

import { memoryCodes } from '../../../program/nvdla/codes.ts';
import { events, operationTypes } from '../format/descriptors.ts';
import type { TaskDescriptors, TaskOperation } from '../format/task-descriptors.ts';
import type { Findings } from './findings.ts';

const slotOf = (type: TaskOperation['type']): number => operationTypes.indexOf(type);
const { hardware } = memoryCodes.numbers;

export function checkDependencies({ network, operations }: TaskDescriptors, findings: Findings): void {
  const at = ({ index, type }: TaskOperation): Findings => findings.at({ operation: index, type });
  const waited = operations.map(() => 0);
  for (const operation of operations) {
    const { consumers, fusedParent } = operation.common;
    for (const [slot, { index, event }] of consumers.entries()) {
      if (index === -1) continue;
      const consumer = operations[index];
      const field = `common.consumers[${slot}]`;
      if (consumer === undefined || slotOf(consumer.type) !== slot || consumer === operation) {
        const actual = consumer === undefined ? `operation ${index}` : `operation ${index} (${consumer.type})`;
        at(operation).add('consumer', 'a consumer is of another engine', {
          field,
          expected: `an operation of ${operationTypes[slot]}`,
          actual,
        });
        continue;
      }
      if (event < events.completed || event > events.dataFetched) {
        at(operation).add('consumer', 'a consumer waits for no event', { field, expected: '1 to 5', actual: event });
      } else if (event > events.enabled && operation.type !== 'conv') {
        at(operation).add('consumer', 'only a convolution fetches', { field, expected: '1 to 3', actual: event });
      }
      waited[index]!++;
    }
    if (fusedParent.index !== -1) {
      const parent = operations[fusedParent.index];
      // The firmware takes the parent from the engine before.
      if (parent === undefined || slotOf(parent.type) !== slotOf(operation.type) - 1) {
        at(operation).add('fused-parent', 'the fused parent is of another engine', {
          field: 'common.fusedParent',
          expected: `an operation of ${operationTypes[slotOf(operation.type) - 1]}`,
          actual: parent === undefined ? `operation ${fusedParent.index}` : parent.type,
        });
      } else waited[fusedParent.index]!++;
    }
  }
  for (const operation of operations) {
    const { dependencyCount } = operation.common;
    at(operation).equal(
      'dependency-count',
      'common.dependencyCount',
      dependencyCount,
      waited[operation.index]!,
      'the operation waits for another number of events than others name it for',
    );
    checkFusion(operation, operations, at(operation));
  }
  const order = checkChains({ network, operations }, findings);
  if (order) checkCycles(operations, order, findings);
}

/** The rules of data that is handed on the fly: the parent's result is this operation's source. */
function checkFusion(operation: TaskOperation, operations: readonly TaskOperation[], findings: Findings): void {
  if (operation.type !== 'sdp' && operation.type !== 'pdp') return;
  const parent = operations[operation.common.fusedParent.index];
  const flies = operation.surfaces.src.type === hardware;
  if (!flies && parent === undefined) return;
  const expected = operation.type === 'sdp' ? 'conv' : 'sdp';
  if (!flies || parent?.type !== expected) {
    findings.add('fused-parent', 'an operation takes its data from its fused parent, and only from it', {
      field: 'surfaces.src.type',
      expected: flies ? `a fused parent of ${expected}` : 'no fused parent',
      actual: parent === undefined ? 'none' : `operation ${parent.index} (${parent.type})`,
    });
    return;
  }
  if (parent.common.consumers[slotOf(operation.type)]?.index !== operation.index) {
    findings.add('fused-parent', 'the fused parent does not name the operation as its consumer', {
      field: 'common.fusedParent',
      expected: `a consumer of operation ${parent.index}`,
    });
  }
  if (operation.common.fusedParent.event !== events.enabled) {
    findings.add('fused-parent', 'the fused parent waits until the operation is enabled', {
      field: 'common.fusedParent.event',
      expected: events.enabled,
      actual: operation.common.fusedParent.event,
    });
  }
  if (parent.type === 'sdp' && parent.surfaces.dst.type !== hardware) {
    findings.add('fused-parent', 'the fused parent writes to memory', {
      field: 'common.fusedParent',
      expected: hardware,
      actual: parent.surfaces.dst.type,
    });
  }
}

/** The operations of each engine in their order; undefined when they have none. */
function checkChains(
  { network, operations }: Pick<TaskDescriptors, 'network' | 'operations'>,
  findings: Findings,
): readonly (readonly number[])[] | undefined {
  let sound = true;
  const chains = operationTypes.map((type, slot) => {
    const wanted = operations.filter((operation) => operation.type === type).length;
    const chain: number[] = [];
    const head = network.opHead[slot] ?? -1;
    if (head !== -1 && operations[head]?.type !== type) {
      findings.add('head', `the head of ${type} is of another engine`, {
        field: `network.opHead[${slot}]`,
        expected: `an operation of ${type}`,
        actual: head,
      });
      sound = false;
      return chain;
    }
    const seen = new Set<number>();
    for (let index = head; index !== -1 && operations[index]?.type === type && !seen.has(index); ) {
      seen.add(index);
      chain.push(index);
      index = operations[index]!.common.consumers[slot]!.index;
    }
    if (chain.length !== wanted) {
      findings.add(head === -1 ? 'head' : 'chain', `not every operation of ${type} is linked to the first`, {
        field: `network.opHead[${slot}]`,
        expected: `${wanted} operations`,
        actual: chain.length,
      });
      sound = false;
    }
    const last = operations[chain.at(-1) ?? -1]?.common.consumers[slot]?.index ?? -1;
    if (seen.has(last)) {
      findings.add('chain', `the operations of ${type} are linked in a circle`, { expected: 'an end', actual: last });
      sound = false;
    }
    return chain;
  });
  return sound ? chains : undefined;
}

const lutOf = (operation: TaskOperation): number =>
  operation.type === 'sdp' || operation.type === 'cdp' ? operation.op.lutIndex : -1;

/**
 * Every operation is programmed, enabled and completed. Programmed: after the second one before it on the engine is complete,
 * or the first one where the two load different tables. Enabled: when programmed, after every event that it waits for.
 * Completed: when enabled, with the operations that it hands data to and takes data from, in the order of the engine.
 */
function checkCycles(
  operations: readonly TaskOperation[],
  chains: readonly (readonly number[])[],
  findings: Findings,
): void {
  const programmed = (index: number): number => 3 * index;
  const enabled = (index: number): number => 3 * index + 1;
  const completed = (index: number): number => 3 * index + 2;
  const next: number[][] = Array.from({ length: 3 * operations.length }, () => []);
  const count = new Int32Array(next.length);
  const edge = (from: number, to: number): void => {
    next[from]!.push(to);
    count[to]!++;
  };
  const node = (index: number, event: number): number => {
    if (event === events.programmed) return programmed(index);
    return event === events.completed ? completed(index) : enabled(index);
  };
  for (const { index, common } of operations) {
    edge(programmed(index), enabled(index));
    edge(enabled(index), completed(index));
    for (const { index: consumer, event } of [...common.consumers, common.fusedParent]) {
      if (consumer !== -1 && operations[consumer]) edge(node(index, event), enabled(consumer));
    }
    const parent = operations[common.fusedParent.index];
    if (parent) {
      edge(enabled(index), completed(parent.index));
      edge(enabled(parent.index), completed(index));
    }
  }
  for (const chain of chains) {
    for (const [position, index] of chain.entries()) {
      const previous = chain[position - 1];
      if (previous === undefined) continue;
      edge(completed(previous), completed(index));
      const [own, before] = [lutOf(operations[index]!), lutOf(operations[previous]!)];
      const ahead = own !== -1 && own !== before ? previous : chain[position - 2];
      if (ahead !== undefined) edge(completed(ahead), programmed(index));
    }
  }
  const ready = [...next.keys()].filter((at) => count[at] === 0);
  for (let at = ready.pop(); at !== undefined; at = ready.pop()) {
    for (const to of next[at]!) if (--count[to]! === 0) ready.push(to);
  }
  const stuck = operations.find(({ index }) => count[enabled(index)]! > 0 || count[programmed(index)]! > 0);
  if (stuck === undefined) return;
  findings.at({ operation: stuck.index, type: stuck.type }).add('cycle', 'the operation waits for itself');
}
