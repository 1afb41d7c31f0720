/**
 * The firmware's scheduler. A task is a graph of operations. Each engine has two register groups: an operation is
 * *programmed* into a free group as soon as there is one, and *enabled* once its dependency count is zero. Reaching one
 * of these states, or completion, is an event; an operation lists, for each engine, the operation that counts down at
 * which of its events. The next operation of an engine is the consumer of its own kind. A fused parent is counted down
 * like a consumer: a convolution waits for the single-point operation behind it to be enabled.
 *
 * Completion comes from the device as interrupts. When none is pending and operations are left, nothing will ever
 * happen again: the task is stalled, and the error says who waits for what.
 *
 * Source: nvdla/doc "Kernel Mode Driver", nvdla/sw `scheduler.c`.
 */

import { fail, locate } from '../../base/errors.ts';
import type { Launch } from '../../device/launch.ts';
import { type InterruptName, interruptBits, type NvdlaDevice } from '../../device/nvdla/nvdla-device.ts';
import type { BlockName } from '../../device/nvdla/registers/register-map.ts';
import { type Consumer, events, type OperationType, operationTypes } from '../../loadable/nvdla/format/descriptors.ts';
import type { TaskDescriptors, TaskOperation } from '../../loadable/nvdla/format/task-descriptors.ts';
import { engineBlocks, lutIndexOf, needsDma } from './program/operation.ts';
import { programOnce } from './program/recorded-writes.ts';
import type { ProgramContext } from './program/register-writer.ts';
import { registerAddress, registerWriter, type WriteRegister } from './program/register-writer.ts';
import { reportStall, type Standing } from './stall-report.ts';
import type { EventId, TaskGraph } from './task-graph.ts';

/** The device's address of a position of the task's address list. @throws loadable/corrupt */
export type AddressOf = (position: number) => bigint;

interface Slot {
  readonly operation: TaskOperation;
  readonly dmaGroup: GroupId | undefined;
  lutIndex: number;
  programmed: boolean;
  active: boolean;
}

type GroupId = 0 | 1;

interface Engine {
  readonly type: OperationType;
  readonly slots: [Slot | undefined, Slot | undefined];
  /** The last operation that was given a slot. */
  tail: TaskOperation | undefined;
  lastGroup: GroupId;
  /** The engine's register blocks; none for BDMA. */
  readonly registers: readonly BlockRegisters[];
  readonly dmaRegisters: BlockRegisters | undefined;
}

interface BlockRegisters {
  readonly pointer: number;
  readonly enable: number;
}

const blockRegisters = (device: NvdlaDevice, block: BlockName): BlockRegisters => ({
  pointer: registerAddress(device, block, 'S_POINTER'),
  enable: registerAddress(device, block, 'D_OP_ENABLE'),
});

/** Which interrupt reports completion. */
const completionInterrupt = {
  bdma: 'BDMA',
  conv: 'CACC',
  sdp: 'SDP',
  pdp: 'PDP',
  cdp: 'CDP',
  rubik: 'RUBIK',
} as const;

const isRaised = (pending: number, name: InterruptName, group: GroupId): boolean =>
  (pending & (1 << (interruptBits[name] + group))) !== 0;

/** One run of a task, from {@link start} until {@link step} says that nothing is left. */
export class Firmware {
  readonly #device: NvdlaDevice;
  readonly #graph: TaskGraph;
  readonly #task: TaskDescriptors;
  readonly #write: WriteRegister;
  readonly #context: Omit<ProgramContext, 'write'>;
  readonly #address: AddressOf;
  readonly #engines: readonly Engine[];
  /** What each operation still waits for. */
  readonly #counts: number[];
  /** The events that each operation has raised. */
  readonly #raised: readonly Set<EventId>[];
  readonly #queued = new Set<number>();
  /** The operation that BDMA was last told to launch. */
  #moving: TaskOperation | undefined;
  #completed = 0;

  constructor(address: AddressOf, graph: TaskGraph, device: NvdlaDevice) {
    this.#device = device;
    this.#graph = graph;
    this.#task = graph.task;
    this.#address = address;
    this.#write = registerWriter(device);
    this.#context = {
      address: (cube) => address(cube.address) + BigInt(cube.offset),
      atomBytes: device.target.memoryAtom,
      lut: (index) =>
        this.#task.luts[index] ??
        fail('loadable/corrupt', 'an operation names a lookup table that is not there', {}, { actual: index }),
    };
    this.#engines = operationTypes.map((type) => {
      const { blocks, dma } = engineBlocks[type];
      return {
        type,
        slots: [undefined, undefined],
        tail: undefined,
        lastGroup: 1,
        registers: blocks.map((block) => blockRegisters(device, block)),
        dmaRegisters: dma && blockRegisters(device, dma),
      };
    });
    this.#counts = this.#task.operations.map(({ common }) => common.dependencyCount);
    this.#raised = this.#task.operations.map(() => new Set());
  }

  /** @throws loadable/corrupt, device/unsupported, device/fault */
  start(): void {
    for (const [type, head] of this.#task.network.opHead.entries()) {
      if (head === -1) continue;
      const engine = this.#engines[type]!;
      this.#submit(engine, this.#operation(head, engine.type));
      this.#dequeue(engine);
    }
  }

  /** Serves pending interrupts. Returns whether operations are left. @throws device/stalled when none is pending */
  step(): boolean {
    if (this.#completed === this.#task.operations.length) return false;
    if (!this.#serveInterrupts()) reportStall(this.#graph, (operation) => this.#standing(operation));
    return true;
  }

  /** The first operation of the pipeline that the device launches now. */
  operationOf({ kind }: Launch): TaskOperation {
    const engine = this.#engines[operationTypes.indexOf(kind === 'transfer' ? 'bdma' : (kind as OperationType))]!;
    const [block] = engine.registers;
    // BDMA has no register groups: it launches an operation at once when the operation is enabled.
    const operation = block ? engine.slots[this.#consumer(block)]?.operation : this.#moving;
    if (!operation) throw new Error(`the device launches a ${kind} that belongs to no operation`);
    return operation;
  }

  #operation(index: number, type: OperationType): TaskOperation {
    const operation = this.#task.operations[index];
    if (!operation) {
      return fail('loadable/corrupt', 'an operation is named that is not there', {}, { actual: index });
    }
    if (operation.type !== type) {
      return fail(
        'loadable/corrupt',
        `operation ${index} is queued for the wrong engine`,
        {},
        { expected: type, actual: operation.type },
      );
    }
    return operation;
  }

  /** Gives an operation a free register group, programs it and, when it waits for nothing, enables it. */
  #submit(engine: Engine, operation: TaskOperation): void {
    const group = this.#freeGroup(engine);
    if (group === undefined) return;
    if (this.#queued.has(operation.index)) {
      fail('loadable/corrupt', `operation ${operation.index} is queued twice`);
    }
    this.#queued.add(operation.index);
    engine.slots[group] = {
      operation,
      dmaGroup: needsDma(operation) ? this.#freeDmaGroup(engine) : undefined,
      lutIndex: -1,
      programmed: false,
      active: false,
    };
    engine.tail = operation;
    if (!this.#isReady(engine, group)) return;
    this.#program(engine, group);
    if (this.#counts[operation.index] === 0) this.#enable(engine, operation);
  }

  /** Of two free groups, the one that the hardware looks at next. */
  #freeGroup(engine: Engine): GroupId | undefined {
    const [first, second] = engine.slots;
    if (first && second) return undefined;
    if (first) return 1;
    if (second) return 0;
    const [block] = engine.registers;
    return block ? this.#consumer(block) : 0;
  }

  #freeDmaGroup({ slots, dmaRegisters }: Engine): GroupId {
    const used = slots[0]?.dmaGroup ?? slots[1]?.dmaGroup;
    return used === undefined ? this.#consumer(dmaRegisters!) : used === 0 ? 1 : 0;
  }

  #consumer({ pointer }: BlockRegisters): GroupId {
    return ((this.#device.read(pointer) >> 16) & 1) as GroupId;
  }

  /**
   * What an engine's two groups share must not be written while the other group needs it: the lookup table, and all of
   * BDMA, whose transfers belong to the group that is launched next.
   */
  #isReady(engine: Engine, group: GroupId): boolean {
    const wanted = lutIndexOf(engine.slots[group]!.operation);
    const neighbour = engine.slots[group === 0 ? 1 : 0];
    if (engine.type === 'bdma' && neighbour?.programmed && !neighbour.active) return false;
    if (wanted === -1 || !neighbour || neighbour.lutIndex === wanted) return true;
    return neighbour.lutIndex === -1 && !neighbour.active;
  }

  #selectGroups({ registers, dmaRegisters, slots }: Engine, group: GroupId): void {
    for (const { pointer } of registers) this.#device.write(pointer, group);
    const dmaGroup = slots[group]?.dmaGroup;
    if (dmaRegisters && dmaGroup !== undefined) this.#device.write(dmaRegisters.pointer, dmaGroup);
  }

  #program(engine: Engine, group: GroupId): void {
    const slot = engine.slots[group]!;
    this.#at(slot.operation, () => {
      this.#selectGroups(engine, group);
      programOnce(slot.operation, this.#context, this.#device, this.#address);
    });
    slot.lutIndex = lutIndexOf(slot.operation);
    // Set only after raising: an event that brings this operation's own count to 0 must not enable it, the caller does.
    this.#raise(slot.operation, events.programmed);
    slot.programmed = true;
  }

  #enable(engine: Engine, operation: TaskOperation): void {
    const group = engine.slots.findIndex((slot) => slot?.operation === operation) as GroupId | -1;
    const slot = group === -1 ? undefined : engine.slots[group];
    if (group === -1 || !slot?.programmed || slot.active) return;
    slot.active = true;
    this.#at(operation, () => {
      this.#selectGroups(engine, group);
      const { registers, dmaRegisters } = engine;
      if (dmaRegisters && slot.dmaGroup !== undefined) this.#device.write(dmaRegisters.enable, 1);
      for (const { enable } of registers) this.#device.write(enable, 1);
      if (engine.type !== 'bdma') return;
      this.#moving = operation;
      this.#write('BDMA', `CFG_LAUNCH${group}`, { [`GRP${group}_LAUNCH`]: 1 });
    });
    if (engine.type === 'bdma') this.#programWaiting(engine, group === 0 ? 1 : 0);
    this.#raise(operation, events.enabled);
  }

  /** Adds the operation, by the name of its layer where that is known, to the place of an error. */
  #at(operation: TaskOperation, work: () => void): void {
    try {
      work();
    } catch (error) {
      locate({ layer: this.#graph.layer(operation) ?? this.#graph.label(operation) }, () => {
        throw error;
      });
    }
  }

  /** Queues the operation that follows the engine's last one. */
  #dequeue(engine: Engine): void {
    const next = engine.tail?.common.consumers[operationTypes.indexOf(engine.type)]?.index ?? -1;
    if (next !== -1) this.#submit(engine, this.#operation(next, engine.type));
  }

  #raise(operation: TaskOperation, event: EventId): void {
    this.#raised[operation.index]!.add(event);
    const { consumers, fusedParent } = operation.common;
    for (const link of consumers) if (link.event === event && link.index !== -1) this.#countDown(link);
    if (fusedParent.event === event && fusedParent.index !== -1) this.#countDown(fusedParent);
  }

  #countDown({ index }: Consumer): void {
    // taskGraph has checked that the consumer exists and waits for at least as many events as are raised for it.
    const consumer = this.#task.operations[index]!;
    if (--this.#counts[index]! === 0) this.#enable(this.#engines[operationTypes.indexOf(consumer.type)]!, consumer);
  }

  /** Serves pending interrupts. Returns false when there are none. */
  #serveInterrupts(): boolean {
    if (!this.#device.interruptLine) return false;
    const pending = this.#device.interrupts;
    this.#write('GLB', 'S_INTR_STATUS', pending);
    for (const engine of this.#engines) {
      const first: GroupId = engine.lastGroup === 0 ? 1 : 0;
      for (const group of [first, engine.lastGroup] as const) {
        const operation = engine.slots[group]?.operation;
        if (!operation) continue;
        if (engine.type === 'conv') {
          if (isRaised(pending, 'CDMA_WT', group)) this.#raise(operation, events.weightsFetched);
          if (isRaised(pending, 'CDMA_DAT', group)) this.#raise(operation, events.dataFetched);
        }
        if (isRaised(pending, completionInterrupt[engine.type], group)) this.#complete(engine, group);
      }
    }
    return true;
  }

  #complete(engine: Engine, group: GroupId): void {
    const { operation } = engine.slots[group]!;
    engine.slots[group] = undefined;
    engine.lastGroup = group;
    this.#completed++;
    this.#raise(operation, events.completed);
    this.#programWaiting(engine, group === 0 ? 1 : 0);
    this.#dequeue(engine);
  }

  /** Programs an operation that has a group and waited for what the two groups share. */
  #programWaiting(engine: Engine, group: GroupId): void {
    const slot = engine.slots[group];
    if (!slot || slot.programmed || !this.#isReady(engine, group)) return;
    this.#program(engine, group);
    if (this.#counts[slot.operation.index] === 0) this.#enable(engine, slot.operation);
  }

  #standing({ index, type }: TaskOperation): Standing {
    const { slots } = this.#engines[operationTypes.indexOf(type)]!;
    const group = slots.findIndex((slot) => slot?.operation.index === index);
    return {
      count: this.#counts[index]!,
      raised: this.#raised[index]!,
      queued: this.#queued.has(index),
      neighbour: slots[group]?.programmed === false ? slots[1 - group]?.operation : undefined,
    };
  }
}
