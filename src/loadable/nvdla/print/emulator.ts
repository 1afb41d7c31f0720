/** A task of the host emulator: what is computed in software, from which buffer to which. */

import {
  type EmulatorBuffer,
  type EmulatorLayout,
  emulatorLayouts,
  emulatorOperations,
} from '../format/emulator-descriptors.ts';
import { type EmulatorStep, emulatorVersion, readEmulatorTask } from '../format/emulator-task.ts';
import type { StockLoadable, TaskEntry } from '../format/stock-loadable.ts';
import { blobReader, type ListBudget } from '../format/task-blobs.ts';
import { count, named, names, phrase } from './names.ts';
import type { Places } from './surface.ts';

/** @throws loadable/corrupt, loadable/truncated, loadable/too-large, loadable/version */
export function emulatorLines(
  loadable: StockLoadable,
  task: TaskEntry,
  budget: ListBudget,
  places: Places,
): readonly string[] {
  const version = emulatorVersion(loadable);
  const layout = emulatorLayouts[version];
  const { network, steps } = readEmulatorTask(blobReader(loadable, task, budget), layout);
  return [
    `network: ${phrase(
      count(steps.length, 'operation'),
      `operations at address ${network.operationIndex}`,
      `buffers at address ${network.bufferIndex}`,
      version === 'older' && 'descriptors as before 0.12',
    )}`,
    ...steps.flatMap((step, index) => [
      `operation ${index}: ${operationText(step)}`,
      `  source: ${bufferText(step.source, layout, places)}`,
      `  destination: ${bufferText(step.destination, layout, places)}`,
    ]),
  ];
}

function operationText({ operation }: EmulatorStep): string {
  const { type, axis, power, scale, shift, inputScale, outputScale } = operation;
  return phrase(
    named(names.emulatorOperation, type),
    type === emulatorOperations.softmax ? `axis ${axis}` : `(${shift} + ${scale} * x) to the power ${power}`,
    `input scale ${inputScale}`,
    `output scale ${outputScale}`,
  );
}

function bufferText(buffer: EmulatorBuffer, { formats }: EmulatorLayout, places: Places): string {
  const { address, offset, size, format, width, height, channel, lineStride, surfaceStride } = buffer;
  const known = formats[format];
  return phrase(
    `w${width} h${height} c${channel} ${known ? `${known.type} in atoms of ${known.atomBytes} bytes` : `unknown format (${format})`}`,
    `${size} bytes`,
    places(address, offset),
    `line ${lineStride} bytes`,
    `surface ${surfaceStride} bytes`,
  );
}
