/** What a run gives: a line of counters, a table of outputs, files of tensors. */

import { join } from 'node:path';
import { fail } from '../base/errors.ts';
import type { Tensor } from '../graph/tensor.ts';
import { writeFiles } from '../host/node/files.ts';
import { formatTime, grouped, printable, table } from '../report/table.ts';
import { compareRuns, type Dump } from '../runtime/dump.ts';
import type { RunResult } from '../runtime/network.ts';
import type { Context } from './context.ts';

export const countersText = (
  network: string,
  { launches, macs, saturated }: RunResult['counters'],
  milliseconds: number,
): string =>
  `${printable(network)}: ${launches} launches, ${grouped(macs)} MACs, ${grouped(saturated)} results saturated, ` +
  `${formatTime(milliseconds * 1000)} of emulation`;

export function outputsText(names: readonly string[], outputs: RunResult['outputs'], context: Context): string {
  const rows = names.map((name) => {
    const tensor = outputs[name]!;
    return [printable(name), tensor.dtype, tensor.shape.join('×'), preview(tensor)];
  });
  const columns = ['output', 'type', 'shape', 'first values'].map((title) => ({ title }));
  return table(columns, rows, context.text);
}

function preview(tensor: Tensor): string {
  if (tensor.dtype !== 'float32') return `${tensor.bytes.length} bytes`;
  const view = new DataView(tensor.bytes.buffer, tensor.bytes.byteOffset, tensor.bytes.byteLength);
  const count = Math.min(10, tensor.bytes.length / 4);
  return Array.from({ length: count }, (_, index) => view.getFloat32(index * 4, true).toFixed(3)).join(' ');
}

export const outputTensors = (names: readonly string[], outputs: RunResult['outputs']): readonly Dump[] =>
  names.map((name) => ({ name, tensor: outputs[name]!, segment: 'output' }));

/** A name of its own for one of several files or folders, whatever characters it is made of. */
export const fileName = (name: string, index: number): string =>
  `${String(index).padStart(4, '0')}-${name.replace(/[^A-Za-z0-9_.-]+/g, '_').slice(0, 80)}`;

/** One .bin for each tensor, and tensors.json, which says what they are. */
export async function writeTensors(folder: string, tensors: readonly Dump[], context: Context): Promise<void> {
  const entries = tensors.map(({ name, tensor, scale, segment, layer }, index) => ({
    file: `${fileName(name, index)}.bin`,
    name,
    dtype: tensor.dtype,
    shape: tensor.shape,
    ...(scale !== undefined && { scale }),
    segment,
    ...(layer !== undefined && { layer }),
  }));
  await writeFiles([
    ...tensors.map(({ tensor }, index) => [join(folder, entries[index]!.file), tensor.bytes] as const),
    [join(folder, 'tensors.json'), `${JSON.stringify(entries, null, 2)}\n`],
  ]);
  context.note(`wrote ${tensors.length} tensors to ${folder}`);
}

/** @throws run/difference */
export function compareWith(
  result: Pick<RunResult, 'dumps'>,
  reference: Pick<RunResult, 'dumps'>,
  context: Context,
): void {
  const difference = compareRuns(result, reference);
  if (!difference) {
    context.print(`all ${result.dumps.length} tensors equal the scalar reference`);
    return;
  }
  const { name, layer, at, a, b } = difference;
  fail(
    'run/difference',
    'a tensor differs from the scalar reference',
    { value: name, ...(layer !== undefined && { layer }) },
    {
      expected: b,
      actual: at ? `${a} at [${at.join(', ')}]` : a,
    },
  );
}
