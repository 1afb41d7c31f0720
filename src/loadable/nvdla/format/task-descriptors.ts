/** The descriptors of one task, read from wherever its addresses lie: blobs of a file, or memory of the device. */

import { fail } from '../../../base/errors.ts';
import {
  type CommonDesc,
  commonDesc,
  type InterfaceMinor,
  type LutParam,
  lutParam,
  type NetworkDesc,
  networkDesc,
  type OperationDesc,
  operationDescs,
  operationSize,
  operationTypes,
  surfaceDescs,
  surfaceSize,
} from './descriptors.ts';
import { type Codec, decode } from './layout.ts';
import { type StockLoadable, type TaskEntry, taskInterfaces } from './stock-loadable.ts';

export type TaskOperation = OperationDesc & {
  /** Position in the lists. */
  readonly index: number;
  readonly common: CommonDesc;
};

export interface TaskDescriptors {
  readonly network: NetworkDesc;
  readonly operations: readonly TaskOperation[];
  readonly luts: readonly LutParam[];
}

/** Bytes [offset, offset + length) of the task's address at a position of its list; fewer where it ends before. */
export type ReadAddress = (position: number, offset: number, length: number) => Uint8Array;

/** @throws loadable/corrupt, loadable/truncated, device/unsupported, and what `read` throws */
export function readTaskDescriptors(read: ReadAddress, minor: InterfaceMinor): TaskDescriptors {
  const one = <T>(codec: Codec<T>, list: number, index: number, pitch: number): T => {
    const bytes = read(list, index * pitch, codec.size);
    if (bytes.length < codec.size) {
      fail(
        'loadable/truncated',
        `a list of descriptors ends before entry ${index}`,
        {},
        { expected: codec.size, actual: bytes.length },
      );
    }
    return decode(codec, bytes);
  };
  const network = one(networkDesc, 0, 0, 0);
  const { numOperations, numRois } = network;
  if (numRois !== 1) fail('device/unsupported', 'regions of interest are not modelled', {}, { actual: numRois });
  const operations = Array.from({ length: numOperations }, (_, index): TaskOperation => {
    const common = one(commonDesc, network.dependencyGraphIndex, index, commonDesc.size);
    const type = operationTypes[common.opType];
    if (!type) {
      return fail('loadable/corrupt', `operation ${index} has no such type`, {}, { actual: common.opType });
    }
    const op = one(operationDescs[type] as Codec<unknown>, network.operationDescIndex, index, operationSize);
    const surfaces = one(surfaceDescs[minor][type] as Codec<unknown>, network.surfaceDescIndex, index, surfaceSize);
    return { index, common, type, op, surfaces } as TaskOperation;
  });
  const luts = Array.from({ length: network.numLuts }, (_, index) =>
    one(lutParam, network.lutDataIndex, index, lutParam.size),
  );
  return { network, operations, luts };
}

/** The sub-interface of surface lists; some old files fill in the interface alone, others the sub-interface alone. */
const surfaceList = 4;

/**
 * The interface version that a task's descriptors were written in: that of the blobs which hold them. 0.11 reads as 0.10.
 * @throws loadable/version, loadable/corrupt
 */
export function interfaceMinor(loadable: StockLoadable, task: TaskEntry): InterfaceMinor {
  const memoryOf = new Map(loadable.addresses.map(({ id, memoryId }) => [id, memoryId]));
  const contents = new Map(loadable.memories.map((memory) => [memory.id, memory.contents]));
  const names = new Set(task.addressList.flatMap((id) => contents.get(memoryOf.get(id) ?? -1) ?? []));
  const own = loadable.blobs.filter(({ name }) => names.has(name));
  const blob =
    own.find(({ subInterface }) => subInterface === surfaceList) ??
    own.find((candidate) => candidate.interface === taskInterfaces.dla);
  if (!blob) return fail('loadable/corrupt', `task ${task.id} has no descriptors`);
  const { major, minor } = blob.version;
  if (major === 0 && minor === 11) return 10;
  if (major !== 0 || (minor !== 10 && minor !== 12)) {
    fail(
      'loadable/version',
      'the descriptors were written for another firmware interface',
      {},
      { expected: '0.10 or 0.12', actual: `${major}.${minor}` },
    );
  }
  return minor as InterfaceMinor;
}
