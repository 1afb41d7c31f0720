/** Loadables with one thing changed in their descriptors. */

import {
  type CommonDesc,
  commonDesc,
  networkDesc,
  type OperationDesc,
  type OperationType,
  operationDescs,
  operationSize,
  surfaceDescs,
  surfaceSize,
} from '../format/descriptors.ts';
import type { Codec } from '../format/layout.ts';
import { entryById, type StockLoadable, type TaskEntry, taskInterfaces } from '../format/stock-loadable.ts';
import { addressAt, taskDescriptors } from '../format/task-blobs.ts';
import { interfaceMinor, type TaskOperation } from '../format/task-descriptors.ts';

type Draft<T> = { -readonly [K in keyof T]: T[K] extends object ? Draft<T[K]> : T[K] };
type Described<T extends OperationType> = Extract<OperationDesc, { type: T }>;
export type Editable<T extends OperationType> = Draft<Described<T> & { common: CommonDesc }>;

export const copyOf = (loadable: StockLoadable): StockLoadable => ({
  ...loadable,
  blobs: loadable.blobs.map((blob) => ({ ...blob, data: blob.data.slice() })),
});

const taskOf = ({ tasks }: StockLoadable): TaskEntry => tasks.find((task) => task.interface === taskInterfaces.dla)!;

/** The bytes of a list of the hardware's task. */
function listed(loadable: StockLoadable, position: number): DataView {
  const { memoryId } = addressAt(loadable, taskOf(loadable), position);
  const [name] = entryById(loadable.memories, memoryId, 'memory').contents;
  const { buffer, byteOffset, byteLength } = loadable.blobs.find((blob) => blob.name === name)!.data;
  return new DataView(buffer, byteOffset, byteLength);
}

/** The loadable with one of its operations changed. */
export function withOperation<T extends OperationType>(
  loadable: StockLoadable,
  type: T,
  which: (operation: Described<T>) => boolean,
  change: (operation: Editable<T>) => void,
): StockLoadable {
  const found = taskDescriptors(loadable, taskOf(loadable)).operations.find(
    (operation) => operation.type === type && which(operation as unknown as Described<T>),
  );
  if (!found) throw new Error(`there is no such ${type}`);
  return withEdited(loadable, found, (operation) => change(operation as unknown as Editable<T>));
}

/** The same of an operation that is known. */
export function withEdited(
  loadable: StockLoadable,
  operation: TaskOperation,
  change: (operation: Draft<TaskOperation>) => void,
): StockLoadable {
  const copy = copyOf(loadable);
  const edited = structuredClone(operation) as unknown as Draft<TaskOperation>;
  change(edited);
  const { network } = taskDescriptors(copy, taskOf(copy));
  const { type, index } = operation;
  const write = (list: number, codec: unknown, pitch: number, value: unknown): void =>
    (codec as Codec<unknown>).write(listed(copy, list), index * pitch, value);
  write(network.operationDescIndex, operationDescs[type], operationSize, edited.op);
  write(network.surfaceDescIndex, surfaceDescs[interfaceMinor(copy, taskOf(copy))][type], surfaceSize, edited.surfaces);
  write(network.dependencyGraphIndex, commonDesc, commonDesc.size, edited.common);
  return copy;
}

export function withNetwork(
  loadable: StockLoadable,
  field: 'numAddresses' | 'opHead' | 'numLuts',
  value: unknown,
): StockLoadable {
  const copy = copyOf(loadable);
  const view = listed(copy, 0);
  networkDesc.write(view, 0, { ...networkDesc.read(view, 0), [field]: value });
  return copy;
}
