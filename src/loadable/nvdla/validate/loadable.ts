/**
 * Whether a stock loadable keeps the rules of the format on a target: those of the file (structure.ts), of the dependency
 * graph (dependency.ts), and of every operation: cubes, registers, the banks of the convolution buffer. The rules are those
 * of the format, for loadables of any compiler; nothing is run.
 */

import type { NvdlaTarget } from '../../../targets/target.ts';
import { commonDesc, lutParam, networkDesc, operationSize, surfaceSize } from '../format/descriptors.ts';
import { type StockLoadable, type TaskEntry, taskInterfaces } from '../format/stock-loadable.ts';
import { blobReader, type ListBudget, listBudget, taskDescriptors } from '../format/task-blobs.ts';
import type { ReadAddress, TaskDescriptors, TaskOperation } from '../format/task-descriptors.ts';
import { checkConvolution } from './convolution.ts';
import type { CubeContext } from './cube.ts';
import { checkDependencies } from './dependency.ts';
import { checkEmulatorTask } from './emulator.ts';
import { Findings, type LoadableProblem } from './findings.ts';
import {
  checkNormalization,
  checkPooling,
  checkRubik,
  checkSinglePoint,
  checkTransfers,
  precisionIn,
} from './operation.ts';
import { checkStructure } from './structure.ts';

/** Every rule that a loadable breaks on a target; none when it is sound. */
export function validateStockLoadable(loadable: StockLoadable, target: NvdlaTarget): readonly LoadableProblem[] {
  const findings = new Findings();
  checkStructure(loadable, findings);
  const budget = listBudget(loadable);
  for (const task of loadable.tasks) {
    const own = findings.at({ task: task.id });
    const context = { target, addresses: addressesOf(loadable, task) };
    if (context.addresses.length > mostAddresses) {
      own.add('network', 'a task has more addresses than the driver takes', {
        expected: `at most ${mostAddresses}`,
        actual: context.addresses.length,
      });
    }
    if (task.interface === taskInterfaces.dla) own.reading(() => checkTask(loadable, task, budget, context, own));
    else if (task.interface === taskInterfaces.emulator) {
      own.reading(() => checkEmulatorTask(loadable, task, budget, context, own));
    } else {
      own.add('readable', 'a task is for nobody', { expected: '1 or 2', actual: task.interface });
    }
  }
  return findings.problems;
}

/** nvdla/sw kmd nvdla_ioctl.h, NVDLA_MAX_BUFFERS_PER_TASK; umd emu_interface.h, NVDLA_EMU_MAX_BUFFERS_PER_TASK. */
const mostAddresses = 6144;

function addressesOf({ addresses, memories }: StockLoadable, { addressList }: TaskEntry): CubeContext['addresses'] {
  const addressById = new Map(addresses.map((address) => [address.id, address]));
  const sizes = new Map(memories.map(({ id, size }) => [id, size]));
  return addressList.map((id) => {
    const { memoryId, offset } = addressById.get(id) ?? { memoryId: -1, offset: 0 };
    return { offset, left: (sizes.get(memoryId) ?? 0) - offset };
  });
}

function checkTask(
  loadable: StockLoadable,
  task: TaskEntry,
  budget: ListBudget,
  context: CubeContext,
  findings: Findings,
): void {
  const descriptors = taskDescriptors(loadable, task, budget);
  checkNetwork(blobReader(loadable, task, budget), task, descriptors, findings);
  checkDependencies(descriptors, findings);
  for (const operation of descriptors.operations) {
    const { index, type } = operation;
    checkOperation(operation, descriptors, context, findings.at({ operation: index, type }));
  }
}

function checkNetwork(
  read: ReadAddress,
  task: TaskEntry,
  { network, operations, luts }: TaskDescriptors,
  findings: Findings,
): void {
  const equal = (field: string, actual: number, expected: number, message: string): boolean =>
    findings.equal('network', `network.${field}`, actual, expected, message);
  equal('numAddresses', network.numAddresses, task.addressList.length, 'the task has another number of addresses');
  equal('numRois', network.numRois, 1, 'a network has one region of interest');
  for (const [field, position, bytes] of [
    ['operationDescIndex', network.operationDescIndex, operations.length * operationSize],
    ['surfaceDescIndex', network.surfaceDescIndex, operations.length * surfaceSize],
    ['dependencyGraphIndex', network.dependencyGraphIndex, operations.length * commonDesc.size],
    ['lutDataIndex', network.lutDataIndex, luts.length * lutParam.size],
  ] as const) {
    if (bytes === 0) continue;
    const there = read(position, 0, bytes).length;
    if (there < bytes) {
      findings.add('network', 'a list is shorter than its operations', {
        field: `network.${field}`,
        expected: bytes,
        actual: there,
      });
    }
  }
  const first = read(0, 0, networkDesc.size).length;
  if (first < networkDesc.size)
    findings.add('network', 'the first address is not the network descriptor', { actual: first });
}

function checkOperation(
  operation: TaskOperation,
  { luts }: TaskDescriptors,
  context: CubeContext,
  findings: Findings,
): void {
  switch (operation.type) {
    case 'conv': {
      const precision = precisionIn('op.inPrecision', operation.op.inPrecision, context, findings);
      precisionIn('op.outPrecision', operation.op.outPrecision, context, findings);
      if (precision) checkConvolution(operation, precision, context, findings);
      return;
    }
    case 'sdp':
      checkSinglePoint(operation, luts.length, context, findings);
      return;
    case 'pdp':
      checkPooling(operation, context, findings);
      return;
    case 'cdp':
      checkNormalization(operation, luts.length, context, findings);
      return;
    case 'rubik':
      checkRubik(operation, context, findings);
      return;
    case 'bdma':
      checkTransfers(operation, context, findings);
      return;
  }
}
