/** The tasks of a loadable as launches and operations of the emulator, which read and write where the loadable says. */

import { fail, locate } from '../../../base/errors.ts';
import { atomFormat } from '../../../program/geometry.ts';
import { programLimits } from '../../../program/validate.ts';
import { type EmulatorBuffer, emulatorLayouts, emulatorOperations } from '../format/emulator-descriptors.ts';
import { emulatorVersion, readEmulatorTask } from '../format/emulator-task.ts';
import { type StockLoadable, type TaskEntry, taskInterfaces } from '../format/stock-loadable.ts';
import { addressAt, blobReader, type ListBudget, taskDescriptors } from '../format/task-blobs.ts';
import type { TaskOperation } from '../format/task-descriptors.ts';
import type { Access, CubeAccess, MemoryAccess, MemoryPlace } from './access.ts';
import type { LiftContext } from './lift-context.ts';
import { liftLaunch } from './operations.ts';
import { launchOrder } from './order.ts';
import { accessesOf, type NamedLaunch } from './program.ts';
import type { EmulatedFunction, EmulatedOperation } from './task-network.ts';
import type { Step } from './values.ts';

/** An operation of the emulator whose buffers are where the loadable places them. */
interface PlacedOperation {
  readonly name: string;
  readonly operation: EmulatedFunction & Pick<EmulatedOperation, 'inputScale' | 'outputScale'>;
  readonly input: CubeAccess;
  readonly output: CubeAccess;
}

export type PlacedTask =
  | { readonly kind: 'dla'; readonly launches: readonly NamedLaunch[] }
  | { readonly kind: 'emulator'; readonly operations: readonly PlacedOperation[] };

export interface TaskContext {
  readonly target: LiftContext['target'];
  /** One for all tasks. */
  readonly budget: ListBudget;
  /** Names of layers by the indices of their operations, where the loadable has them. */
  readonly layers?: readonly string[] | undefined;
}

/** @throws loadable/unliftable, loadable/corrupt, loadable/truncated, loadable/version, device/unsupported */
export function placedTask(
  loadable: StockLoadable,
  task: TaskEntry,
  { target, budget, layers }: TaskContext,
): PlacedTask {
  // Addresses and strides of the first generation's registers end in five zeros.
  const grain = target.nvdla.registers === 'v1' ? 32 : 1;
  const place = ({ address, offset }: { readonly address: number; readonly offset: number }): MemoryPlace => {
    const entry = addressAt(loadable, task, address);
    const at = entry.offset + offset;
    return { memory: entry.memoryId, offset: at - (at % grain) };
  };
  if (task.interface === taskInterfaces.emulator) return emulatorTask(loadable, task, place, budget);
  if (task.interface !== taskInterfaces.dla)
    fail('loadable/corrupt', 'a task is for nobody', {}, { actual: task.interface });
  const descriptors = taskDescriptors(loadable, task, budget);
  const context: LiftContext = {
    target,
    grain,
    place,
    lut: (index) =>
      descriptors.luts[index] ??
      fail('loadable/corrupt', 'an operation names a lookup table that is not there', {}, { actual: index }),
    tables: new Map(),
    loaded: { sdp: -1, cdp: -1 },
  };
  const names = new Set<string>();
  const launches = launchOrder(descriptors).map(({ operations, after }): NamedLaunch => {
    const name = nameOf(operations, layers, names);
    return { name, after, launch: locate({ layer: name }, () => liftLaunch(operations, context)) };
  });
  return { kind: 'dla', launches };
}

/** The loadable's own name of a layer, or what it does: `conv0-sdp1`. */
function nameOf(
  operations: readonly TaskOperation[],
  layers: readonly string[] | undefined,
  taken: Set<string>,
): string {
  const made = operations.map(({ type, index }) => `${type}${index}`).join('-');
  const said = layers?.[operations[0]!.index];
  const wanted = said && said.length <= programLimits.nameLength ? said : made;
  let name = wanted;
  for (let number = 2; taken.has(name); number++) name = `${wanted}:${number}`;
  taken.add(name);
  return name;
}

function emulatorTask(
  loadable: StockLoadable,
  task: TaskEntry,
  place: (buffer: EmulatorBuffer) => MemoryPlace,
  budget: ListBudget,
): PlacedTask {
  const layout = emulatorLayouts[emulatorVersion(loadable)];
  const buffer = (desc: EmulatorBuffer): CubeAccess => {
    const format = layout.formats[desc.format];
    if (!format) return fail('device/unsupported', `emulator format ${desc.format} is not modelled`);
    const { channel, height, width, lineStride, surfaceStride } = desc;
    const elements = format.atomBytes / (format.type === 'int8' ? 1 : 2);
    return {
      kind: 'cube',
      ...place(desc),
      shape: [1, channel, height, width],
      dtype: format.type,
      format: atomFormat(elements) ?? fail('device/unsupported', `atoms of ${elements} elements are not modelled`),
      lineStride,
      surfaceStride,
    };
  };
  const { steps } = readEmulatorTask(blobReader(loadable, task, budget), layout);
  const operations = steps.map((step, index): PlacedOperation => {
    const { type, inputScale, outputScale, power, scale, shift, axis } = step.operation;
    const kinds = Object.keys(emulatorOperations) as (keyof typeof emulatorOperations)[];
    const kind = kinds.find((candidate) => emulatorOperations[candidate] === type);
    if (!kind) return fail('loadable/corrupt', 'the emulator has no such operation', {}, { actual: type });
    const scales = { inputScale, outputScale };
    const operation = kind === 'softmax' ? { kind, axis, ...scales } : { kind, power, scale, shift, ...scales };
    return { name: `${kind}${index}`, operation, input: buffer(step.source), output: buffer(step.destination) };
  });
  return { kind: 'emulator', operations };
}

/** What a task does at each time. */
export function stepsOf(task: PlacedTask, index: number): readonly Step[] {
  if (task.kind === 'emulator') {
    return task.operations.map(({ name, input, output }) => ({
      task: index,
      name,
      reads: [{ access: input, field: 'input' }],
      writes: [{ access: output, field: 'output' }],
    }));
  }
  return task.launches.map((launch) => {
    const { reads, writes } = accessesOf(launch.launch);
    return { task: index, name: launch.name, reads: reads.flatMap(inMemory), writes: writes.flatMap(inMemory) };
  });
}

interface Accessed {
  readonly access: Access;
  readonly field: string;
}

const inMemory = ({ access, field }: Accessed): readonly { readonly access: MemoryAccess; readonly field: string }[] =>
  access.kind === 'table' ? [] : [{ access, field }];
