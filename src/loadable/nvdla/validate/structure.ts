/**
 * The rules of the file around the descriptors: memories, blobs, addresses, tensors, tasks
 * (docs/hardware/nvdla.md#loadable).
 */

import { type MemoryEntry, memoryFlags, type StockLoadable, type TensorDesc } from '../format/stock-loadable.ts';
import type { Findings } from './findings.ts';

export function checkStructure(loadable: StockLoadable, findings: Findings): void {
  const { memories, addresses, tensors, blobs, tasks, submits } = loadable;
  const blobByName = new Map(blobs.map((blob) => [blob.name, blob]));
  const memoryById = new Map(memories.map((memory) => [memory.id, memory]));
  const tensorById = new Map(tensors.map((tensor) => [tensor.id, tensor]));
  for (const blob of blobs) {
    const { name, size, data } = blob;
    // The runtime finds blobs by their names.
    if (blobByName.get(name) !== blob) findings.add('blob', 'two blobs have the same name', { actual: name });
    if (size !== data.length) {
      findings.add('blob', `the blob ${name} has other bytes than it says`, { expected: size, actual: data.length });
    }
  }
  for (const memory of memories) {
    const { id, size, alignment, contents, offsets, flags } = memory;
    if (!(size > 0)) findings.add('memory', `memory ${id} is empty`, { actual: size });
    if (alignment < 0 || (alignment & (alignment - 1)) !== 0) {
      findings.add('memory', `the alignment of memory ${id} is no power of two`, { actual: alignment });
    }
    if (!(flags & memoryFlags.set)) continue;
    for (const [index, name] of contents.entries()) {
      const length = blobByName.get(name)?.data.length;
      const end = (offsets[index] ?? 0) + (length ?? 0);
      if (length === undefined)
        findings.add('blob', `memory ${id} is filled by a blob that is not there`, { actual: name });
      else if (end > size) {
        findings.add('blob', `the blob ${name} does not fit memory ${id}`, { expected: size, actual: end });
      }
    }
  }
  for (const { id, memoryId, offset } of addresses) {
    const size = memoryById.get(memoryId)?.size;
    if (size === undefined) findings.add('address', `address ${id} lies in no memory`, { actual: memoryId });
    else if (!(offset >= 0 && offset < size)) {
      findings.add('address', `address ${id} lies outside its memory`, {
        expected: `less than ${size}`,
        actual: offset,
      });
    }
  }
  for (const [what, flag] of [
    ['input', memoryFlags.input],
    ['output', memoryFlags.output],
  ] as const) {
    const bound = memories.filter(({ flags }) => flags & flag);
    const ids = bound.map(({ bindId }) => bindId).sort((a, b) => a - b);
    if (ids.some((id, index) => id !== index)) {
      findings.add('bind', `the ${what}s are not numbered from 0`, { actual: ids.join(', ') });
    }
    for (const memory of bound) checkBound(memory, tensorById.get(memory.tensorDescId), findings);
  }
  const submitted = new Map<number, number>();
  for (const id of submits.flatMap(({ taskIds }) => taskIds)) submitted.set(id, (submitted.get(id) ?? 0) + 1);
  for (const { id } of tasks) {
    const times = submitted.get(id) ?? 0;
    if (times !== 1)
      findings.at({ task: id }).add('submit', 'the task is not submitted once', { expected: 1, actual: times });
  }
}

/** 1 NCHW, 2 NHWC, 3 NC/xHWx; 1 float, 2 half, 3 int16, 4 int8 (nvdla/sw umd `dlatypes.h`). */
const elementBytes: Readonly<Record<number, number>> = { 1: 4, 2: 2, 3: 2, 4: 1 };

const interleaved = 2;

function checkBound({ id, size }: MemoryEntry, tensor: TensorDesc | undefined, findings: Findings): void {
  const add = (message: string, expected: string | number, actual: string | number): void => {
    findings.add('tensor', message, { expected, actual });
  };
  if (tensor === undefined) {
    add(`memory ${id} has no tensor`, 'a tensor', 'none');
    return;
  }
  const { name, dims, strides, dataType, offset } = tensor;
  if (tensor.memoryId !== id) add(`the tensor ${name} lies in another memory`, id, tensor.memoryId);
  if (offset + tensor.size > size) add(`the tensor ${name} does not fit its memory`, size, offset + tensor.size);
  if (Object.values(dims).some((dim) => dim < 1)) {
    add(`the tensor ${name} has an empty dimension`, 'at least 1', Object.values(dims).join('x'));
  }
  const element = elementBytes[dataType];
  if (element === undefined) {
    add(`the tensor ${name} has no such type`, '1 to 4', dataType);
    return;
  }
  const [first = 0, line = 0, surface = 0] = strides;
  if (first !== element) add(`elements of the tensor ${name} have another size`, element, first);
  if (line < dims.w * element) add(`lines of the tensor ${name} overlap`, dims.w * element, line);
  // Interleaved components have no surfaces.
  if (tensor.dataFormat !== interleaved && surface < dims.h * line) {
    add(`surfaces of the tensor ${name} overlap`, dims.h * line, surface);
  }
}
