/** A task for the host emulator: its lists of operations and buffers. */

import { fail } from '../../../base/errors.ts';
import type { InterfaceMinor } from '../format/descriptors.ts';
import {
  bufferPitch,
  type EmulatorBuffer,
  emulatorLayouts,
  emulatorNetwork,
  emulatorOperations,
} from '../format/emulator-descriptors.ts';
import { type Blob, memoryFlags, taskInterfaces } from '../format/stock-loadable.ts';
import type { EmulatedBuffer, EmulatedOperation } from '../lift/task-network.ts';
import { AddressList, type Memories } from './memories.ts';
import type { LoweredTask } from './program.ts';

/** Bytes that the emulator's network descriptor is aligned to. */
const networkSize = 256;
/** Fields that neither function uses. */
const nothing = { power: 0, scale: 0, shift: 0, axis: 0 } as const;
const version = { major: 0, minor: 0, subMinor: 1 } as const;

/** @throws program/invalid for what the emulator does not take */
export function lowerEmulatorTask(
  id: number,
  operations: readonly EmulatedOperation[],
  memories: Memories,
  minor: InterfaceMinor,
): LoweredTask {
  const layout = emulatorLayouts[minor === 10 ? 'older' : 'current'];
  const addresses = new AddressList(memories);
  const blobs: Blob[] = [];
  const list = (name: string, subInterface: number, size: number, fill: (view: DataView) => void): number => {
    const data = new Uint8Array(size);
    const blob = { name: `task-${id}-${name}`, size, interface: taskInterfaces.emulator, subInterface, version, data };
    const flags = memoryFlags.alloc | memoryFlags.set;
    const position = addresses.position(memories.add({ flags, size, contents: [blob.name] }));
    fill(new DataView(data.buffer));
    blobs.push(blob);
    return position;
  };
  const describe = (buffer: EmulatedBuffer): EmulatorBuffer => {
    const [, channel, height, width] = buffer.shape;
    const { tensor, offset, size, lineStride, surfaceStride } = buffer;
    const memory = memories.tensor(tensor);
    // The older descriptors have no offset: the address has it.
    const place =
      minor === 10
        ? { address: addresses.position(memory, offset), offset: 0 }
        : { address: addresses.position(memory), offset };
    return {
      ...place,
      size,
      format: formatOf(buffer, layout.formats),
      width,
      height,
      channel,
      lineStride,
      surfaceStride,
    };
  };
  // Position 0 is the network descriptor, which names the lists that come after it.
  let network: DataView | undefined;
  list('addr0', 1, networkSize, (view) => {
    network = view;
  });
  const operationIndex = list('op_list', 3, operations.length * layout.operationPitch, (view) => {
    for (const [index, { input: _, output: __, kind, ...operation }] of operations.entries()) {
      const { inputScale, outputScale } = operation;
      if (minor === 10 && (inputScale !== 1 || outputScale !== 1)) {
        fail('program/invalid', 'the older interface of the emulator has no scales', {}, { actual: inputScale });
      }
      const described = { ...nothing, ...operation, type: emulatorOperations[kind] };
      layout.operation.write(view, index * layout.operationPitch, described);
    }
  });
  const bufferIndex = list('op_buf_list', 4, operations.length * 2 * bufferPitch, (view) => {
    for (const [index, { input, output }] of operations.entries()) {
      layout.buffer.write(view, 2 * index * bufferPitch, describe(input));
      layout.buffer.write(view, (2 * index + 1) * bufferPitch, describe(output));
    }
  });
  emulatorNetwork.write(network!, 0, { operationIndex, bufferIndex, numOperations: operations.length });
  return { kind: 'emulator', addresses: addresses.ids, blobs };
}

/** How many elements lie side by side tells one feature format from the other. */
function formatOf(
  { tensor, dtype, format }: EmulatedBuffer,
  formats: (typeof emulatorLayouts)['current']['formats'],
): number {
  const found = Object.entries(formats).find(([, known]) => {
    const elements = known.atomBytes / (known.type === 'int8' ? 1 : 2);
    return known.type === dtype && format === `chw${elements}`;
  });
  if (found) return Number(found[0]);
  return fail(
    'program/invalid',
    'the emulator has no such format',
    { value: tensor },
    { actual: `${dtype} ${format}` },
  );
}
