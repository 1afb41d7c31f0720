/**
 * A stock loadable as text: the file, its memories and what fills them, and every operation and surface of every task.
 *
 *     memory 3: 12288 bytes of system memory, allocated, filled, aligned to 4096 bytes
 *       tb-0 at 0x0
 *     task 0: DLA1 0.12.3, any instance
 *       operation 1: sdp int8 to int8, output (x - 0) * 1 >> 8
 *         waits for 2 events, tells sdp 3 when enabled, behind operation 0 when enabled
 *         X1: adds and multiplies, by sum, an operand for each kernel, in int16, truncate 14, ReLU
 *         dst: w28 h28 c16, 12544 bytes, address 3 (working memory), line 224 bytes, surface 6272 bytes
 *
 * Everything is there; a number that is left out is 0 (a dilation or batch: 1; an index: −1). Of blobs that are no descriptors,
 * weights say, the size and the SHA-256 are printed. A task that cannot be read says why.
 */

import { DlakitError, formatProblem } from '../../../base/errors.ts';
import { sha256Hex } from '../../../base/hashing.ts';
import { preprocessText } from '../../../graph/preprocess.ts';
import {
  type Blob,
  type EventEntry,
  type MemoryEntry,
  memoryFlags,
  type RelocationEntry,
  type StockLoadable,
  type TaskEntry,
  type TensorDesc,
  taskInterfaces,
  type Version,
} from '../format/stock-loadable.ts';
import { tagOf } from '../format/tag.ts';
import { type ListBudget, listBudget } from '../format/task-blobs.ts';
import { emulatorLines } from './emulator.ts';
import { count, hex, named, names, phrase, quoted, unless } from './names.ts';
import type { Places } from './surface.ts';
import { taskLines } from './task.ts';

export function printStockLoadable(loadable: StockLoadable): string {
  const { version, identified, memories, addresses, tensors, events, relocations, blobs, submits, tasks } = loadable;
  const budget = listBudget(loadable);
  const memoryById = byId(memories);
  const addressById = byId(addresses);
  /** The name of what lies at a position of a task's address list. */
  const placesOf =
    ({ addressList }: TaskEntry): Places =>
    (position, offset = 0) => {
      const address = addressById.get(addressList[position] ?? -1);
      const content = address ? contentAt(memoryById, address.memoryId, address.offset + offset) : 'not in the list';
      return `address ${position}${plus(offset)} (${content})`;
    };
  const lines = [
    phrase(`stock loadable ${versionText(version)}`, identified ? 'identifier NVDA' : 'no identifier'),
    ...readable(() => tagLines(loadable)),
    '',
    ...memories.flatMap((memory) => memoryLines(memory)),
    ...tensors.map((tensor) => `tensor ${tensor.id}: ${tensorText(tensor)}`),
    ...addresses.map(
      ({ id, memoryId, offset, size }) =>
        `address ${id}: memory ${memoryId}${plus(offset)}, ${size} bytes (${contentAt(memoryById, memoryId, offset)})`,
    ),
    ...blobs.map((blob) => `blob ${quoted(blob.name)}: ${blobText(blob)}`),
    ...relocations.map((relocation) => `relocation: ${relocationText(relocation)}`),
    ...events.map((event) => `event ${event.id}: ${eventText(event)}`),
    ...submits.map(({ id, taskIds }) => `submit ${id}: tasks ${taskIds.join(' ')}`),
    ...tasks.flatMap((task) => ['', ...sectionOf(loadable, task, budget, placesOf(task))]),
  ];
  return `${lines.join('\n')}\n`;
}

const byId = <T extends { readonly id: number }>(entries: readonly T[]): ReadonlyMap<number, T> =>
  new Map(entries.map((entry) => [entry.id, entry]));

/** A task that cannot be read becomes one line with the reason. */
function readable(work: () => readonly string[]): readonly string[] {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof DlakitError)) throw error;
    return [`cannot be read: ${formatProblem(error.problem)}`];
  }
}

const versionText = ({ major, minor, subMinor }: Version): string => `${major}.${minor}.${subMinor}`;

function tagLines(loadable: StockLoadable): readonly string[] {
  const tag = tagOf(loadable);
  if (!tag) return [];
  const { target, network, inputs, outputs, submissions, preprocess } = tag;
  const tensors = (what: string, list: typeof inputs): readonly string[] =>
    list.map(
      ({ name, shape, dtype, scale }, index) =>
        `  ${what} ${index}: ${phrase(`${quoted(name)} ${shape.join('x')} ${dtype}`, scale !== undefined && `scale ${scale}`)}`,
    );
  return [
    `made by dlakit for ${quoted(target)}: network ${quoted(network)}`,
    ...tensors('input', inputs),
    ...tensors('output', outputs),
    ...(submissions === undefined ? [] : [`  of a batch of ${submissions}: one image a submission`]),
    ...(preprocess ? [`  pre-processing: ${preprocessText(preprocess)}`] : []),
  ];
}

function memoryLines(memory: MemoryEntry): readonly string[] {
  const { id, domain, flags, size, alignment, contents, offsets, bindId, tensorDescId } = memory;
  const { alloc, set, input, output } = memoryFlags;
  const others = flags & ~(alloc | set | input | output);
  const bound = (flags & (input | output)) !== 0;
  return [
    `memory ${id}: ${phrase(
      `${size} bytes of ${named(names.domain, domain)} memory`,
      flags & alloc ? 'allocated' : 'not allocated',
      flags & set ? 'filled' : undefined,
      flags & input ? 'input' : undefined,
      flags & output ? 'output' : undefined,
      others !== 0 && `unknown flags ${hex(others)}`,
      (bound || bindId !== 0) && `bind id ${bindId}`,
      (bound || tensorDescId !== 0) && `tensor ${tensorDescId}`,
      alignment !== 0 && `aligned to ${alignment} bytes`,
    )}`,
    ...contents.map((name, index) => `  ${quoted(name)} at ${hex(offsets[index]!)}`),
  ];
}

/** What lies at an offset of a memory: the input or output, the blob that begins there, or how many blobs fill it. */
function contentAt(memories: ReadonlyMap<number, MemoryEntry>, id: number, offset: number): string {
  const memory = memories.get(id);
  if (!memory) return 'no memory';
  const { flags, contents, offsets, bindId } = memory;
  if (flags & memoryFlags.input) return `input ${bindId}`;
  if (flags & memoryFlags.output) return `output ${bindId}`;
  if (!(flags & memoryFlags.set)) return 'working memory';
  const own = contents[contents.length === 1 ? 0 : offsets.indexOf(offset)];
  return own === undefined ? count(contents.length, 'blob') : quoted(own);
}

const plus = (offset: number): string => (offset === 0 ? '' : ` + ${hex(offset)}`);

function tensorText(tensor: TensorDesc): string {
  const { dims, strides } = tensor;
  const used = strides.findLastIndex((stride) => stride !== 0) + 1;
  return phrase(
    `${quoted(tensor.name)} n${dims.n} c${dims.c} h${dims.h} w${dims.w}`,
    `${named(names.dataType, tensor.dataType)} ${named(names.dataFormat, tensor.dataFormat)}`,
    `${named(names.dataCategory, tensor.dataCategory)} ${named(names.pixelFormat, tensor.pixelFormat)}`,
    tensor.pixelMapping !== 0 && named(names.pixelMapping, tensor.pixelMapping),
    `${tensor.size} bytes of memory ${tensor.memoryId}${plus(tensor.offset)}`,
    used > 0 && `strides ${strides.slice(0, used).join(' ')} bytes`,
  );
}

/** Old files give a list without an interface. */
const listNames = (from: number): Readonly<Record<number, string>> =>
  from === taskInterfaces.emulator ? names.emulatorList : names.dlaList;

/** `DLA1 operations` */
const contentText = (from: number, list: number): string =>
  [from !== 0 && named(names.interface, from), list !== 0 && named(listNames(from), list)].filter(Boolean).join(' ');

const blobText = ({ size, interface: from, subInterface, version, data }: Blob): string =>
  phrase(
    `${data.length} bytes`,
    size !== data.length && `says ${size} bytes`,
    (from !== 0 || subInterface !== 0) && contentText(from, subInterface),
    versionText(version) !== '0.0.0' && `version ${versionText(version)}`,
    `SHA-256 ${sha256Hex(data).slice(0, 16)}…`,
  );

const relocationText = (entry: RelocationEntry): string =>
  `${named(names.relocation, entry.type)} of address ${entry.addressId} to memory ${entry.writeId} + ${hex(entry.offset)}, ${contentText(entry.interface, entry.subInterface)}`;

const eventText = ({ type, target, value, op }: EventEntry): string =>
  phrase(named(names.eventOp, op), `value ${value}`, `target ${target}`, unless(0, 'type', type));

function sectionOf(loadable: StockLoadable, task: TaskEntry, budget: ListBudget, places: Places): readonly string[] {
  const { id, interface: from, instance, addressList, preActions, postActions } = task;
  const body = (): readonly string[] => {
    if (from === taskInterfaces.dla) return taskLines(loadable, task, budget, places);
    return from === taskInterfaces.emulator ? emulatorLines(loadable, task, budget, places) : [];
  };
  return [
    `task ${id}: ${phrase(
      named(names.interface, from),
      instance === -1 ? 'any instance' : `instance ${instance}`,
      preActions.length > 0 && `waits for events ${preActions.join(' ')}`,
      postActions.length > 0 && `ends with events ${postActions.join(' ')}`,
    )}`,
    `  addresses ${ranges(addressList)}`,
    ...readable(body).map((line) => `  ${line}`),
  ];
}

/** `0-7 9 3`: runs of ids that follow each other. */
function ranges(ids: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const id of ids) {
    const last = runs.at(-1);
    if (last?.[1] === id - 1) last[1] = id;
    else runs.push([id, id]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(' ') || 'none';
}
