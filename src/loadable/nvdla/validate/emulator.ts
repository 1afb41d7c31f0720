/** The rules of tasks for the host emulator (nvdla/sw umd Emulator.cpp): operations that it knows, on buffers that are there. */

import { memoryCodes } from '../../../program/nvdla/codes.ts';
import { precisionBytes } from '../../../program/nvdla/convolution-buffer.ts';
import {
  type EmulatorBuffer,
  type EmulatorLayout,
  type EmulatorOperation,
  emulatorLayouts,
  emulatorOperations,
} from '../format/emulator-descriptors.ts';
import { type EmulatorStep, emulatorVersion, readEmulatorTask } from '../format/emulator-task.ts';
import type { StockLoadable, TaskEntry } from '../format/stock-loadable.ts';
import { blobReader, type ListBudget } from '../format/task-blobs.ts';
import { type CubeContext, checkCube } from './cube.ts';
import type { Findings } from './findings.ts';

const operationNames = new Map<number, string>(
  Object.entries(emulatorOperations).map(([name, number]) => [number, name]),
);
const mostAxis = 3;

/** @throws loadable/corrupt, loadable/truncated, loadable/too-large, loadable/version */
export function checkEmulatorTask(
  loadable: StockLoadable,
  task: TaskEntry,
  budget: ListBudget,
  context: CubeContext,
  findings: Findings,
): void {
  const layout = emulatorLayouts[emulatorVersion(loadable)];
  const { network, steps } = readEmulatorTask(blobReader(loadable, task, budget), layout);
  findings.range('network.numOperations', network.numOperations, 1, 0xffff, 'network');
  for (const [index, step] of steps.entries()) {
    const type = operationNames.get(step.operation.type);
    checkStep(step, layout, context, findings.at({ operation: index, type: type ?? 'unknown' }));
  }
}

function checkStep(step: EmulatorStep, layout: EmulatorLayout, context: CubeContext, findings: Findings): void {
  const { operation, source, destination } = step;
  if (!operationNames.has(operation.type)) {
    findings.add('emulator', 'the emulator has no such operation', {
      field: 'operation.type',
      expected: [...operationNames.keys()].join(' or '),
      actual: operation.type,
    });
    return;
  }
  checkBuffer('source', source, layout, context, findings);
  checkBuffer('destination', destination, layout, context, findings);
  const same = (field: keyof EmulatorBuffer, rule: 'emulator' | 'shape', message: string): boolean =>
    findings.equal(rule, `destination.${field}`, destination[field], source[field], message);
  same('format', 'emulator', 'the emulator does not change formats');
  for (const side of ['width', 'height', 'channel'] as const) {
    same(side, 'shape', 'the emulator gives a cube of the size that it takes');
  }
  checkNumbers(operation, layout.formats[source.format]?.type === 'int8', findings);
}

function checkBuffer(
  field: 'source' | 'destination',
  buffer: EmulatorBuffer,
  { formats }: EmulatorLayout,
  context: CubeContext,
  findings: Findings,
): void {
  const format = formats[buffer.format];
  if (!format) {
    findings.add('emulator', 'the emulator does not take the format', {
      field: `${field}.format`,
      expected: Object.keys(formats).join(', '),
      actual: buffer.format,
    });
    return;
  }
  const { memoryAtom } = context.target;
  if (format.atomBytes !== memoryAtom) {
    findings.add('emulator', `${context.target.name} has atoms of another size`, {
      field: `${field}.format`,
      expected: `${memoryAtom} bytes`,
      actual: `${format.atomBytes} bytes`,
      target: true,
    });
    return;
  }
  const cube = { ...buffer, type: memoryCodes.numbers.primary, reserved0: 0, planeStride: 0 };
  const channelBytes = buffer.channel * precisionBytes(format.type);
  const runs = Math.ceil(channelBytes / memoryAtom);
  checkCube(field, cube, { pixel: memoryAtom, runs, unit: memoryAtom, channelBytes }, context, findings);
}

/** Integers go through their scales, floats do not. */
function checkNumbers(operation: EmulatorOperation, scaled: boolean, findings: Findings): void {
  const finite = (name: 'power' | 'scale' | 'shift'): void => {
    if (!Number.isFinite(operation[name])) {
      findings.add('field', `operation.${name} is not finite`, { field: `operation.${name}`, actual: operation[name] });
    }
  };
  if (operation.type === emulatorOperations.softmax) findings.range('operation.axis', operation.axis, 0, mostAxis);
  else for (const name of ['power', 'scale', 'shift'] as const) finite(name);
  if (!scaled) return;
  for (const name of ['inputScale', 'outputScale'] as const) {
    const value = operation[name];
    if (!(Number.isFinite(value) && value > 0)) {
      findings.add('field', `operation.${name} is no scale`, {
        field: `operation.${name}`,
        expected: 'a positive number',
        actual: value,
      });
    }
  }
}
