/**
 * A task of the DLA: its network descriptor, and every operation with its consumers, its work and the places of its data.
 */

import {
  type CommonDesc,
  type Consumer,
  eventNames,
  events,
  type NetworkDesc,
  operationTypes,
} from '../format/descriptors.ts';
import type { StockLoadable, TaskEntry } from '../format/stock-loadable.ts';
import { type ListBudget, taskDescriptors } from '../format/task-blobs.ts';
import { lookupTableLines } from './lookup-table.ts';
import { count, named, phrase, reserved, unless } from './names.ts';
import { operationLines } from './operation.ts';
import { type Places, surfaceLines } from './surface.ts';

/** @throws loadable/corrupt, loadable/truncated, loadable/too-large, loadable/version, device/unsupported */
export function taskLines(
  loadable: StockLoadable,
  task: TaskEntry,
  budget: ListBudget,
  places: Places,
): readonly string[] {
  const { network, operations, luts } = taskDescriptors(loadable, task, budget);
  return [
    `network: ${networkText(network)}`,
    ...operations.flatMap((operation) => {
      const [first, ...more] = operationLines(operation);
      return [
        `operation ${operation.index}: ${operation.type} ${first}`,
        `  ${dependencyText(operation.index, operation.common)}`,
        ...[...more, ...surfaceLines(operation, places)].map((line) => `  ${line}`),
      ];
    }),
    ...luts.flatMap((lut, index) => {
      const [first, ...more] = lookupTableLines(lut);
      return [`lookup table ${index}: ${first}`, ...more.map((line) => `  ${line}`)];
    }),
  ];
}

export function networkText(network: NetworkDesc): string {
  const heads = network.opHead.flatMap((index, type) => (index === -1 ? [] : [`${operationTypes[type]} ${index}`]));
  return phrase(
    count(network.numOperations, 'operation'),
    unless(0, 'lookup tables', network.numLuts),
    count(network.numAddresses, 'address', 'addresses'),
    unless(1, 'regions of interest', network.numRois),
    `first ${heads.join(' ') || 'none'}`,
    `lists at addresses: operations ${network.operationDescIndex}`,
    `surfaces ${network.surfaceDescIndex}`,
    `dependencies ${network.dependencyGraphIndex}`,
    `lookup tables ${network.lutDataIndex}`,
    unless(-1, 'regions', network.roiArrayIndex),
    unless(-1, 'surface', network.surfaceIndex),
    unless(-1, 'statistics', network.statListIndex),
    unless(0, 'input layer', network.inputLayer),
    unless(0, 'dynamic regions', network.dynamicRoi),
    reserved({ reserved0: network.reserved0, reserved1: network.reserved1 }),
  );
}

export function dependencyText(position: number, common: CommonDesc): string {
  const { index, roiIndex, dependencyCount, consumers, fusedParent, reserved0 } = common;
  const told = consumers.flatMap((consumer, type) =>
    isNobody(consumer) ? [] : [consumerText(operationTypes[type]!, consumer)],
  );
  return phrase(
    `waits for ${count(dependencyCount, 'event')}`,
    told.length > 0 && `tells ${told.join(', ')}`,
    !isNobody(fusedParent) && `behind ${consumerText('operation', fusedParent)}`,
    index !== position && `stored as operation ${index}`,
    unless(0, 'region of interest', roiIndex),
    reserved({ reserved0 }),
  );
}

/** Compilers leave the event of an absent consumer 0 or `completed`; any other value is shown. */
const isNobody = ({ index, event, reserved: rest }: Consumer): boolean =>
  index === -1 && event <= events.completed && rest === 0;

/** `sdp 4 when programmed` */
const consumerText = (what: string, { index, event, reserved: rest }: Consumer): string =>
  `${what} ${index} when ${named(eventNames, event)}${rest === 0 ? '' : ` (reserved ${rest})`}`;
