/**
 * Records what the tasks of a stock loadable do to the device, each as a recording of its own, since each begins on a
 * device after reset. A recording begins with memory as the task finds it: what tasks before it left, those of the host
 * emulator included, is there.
 */

import { fail } from '../../base/errors.ts';
import { Bus } from '../../device/bus.ts';
import { packingOf } from '../../device/engines/reference/feature.ts';
import type { Cube, Launch, LaunchResult } from '../../device/launch.ts';
import { immediate } from '../../device/launch.ts';
import { interruptBits } from '../../device/nvdla/nvdla-device.ts';
import { registerAt, registerMap } from '../../device/nvdla/registers/register-map.ts';
import type { Interrupt, RecordedEvent, RecordedMemory, Recording } from '../../device/nvdla/trace/recording.ts';
import type { Region } from '../../device/nvdla/trace/trace-memory.ts';
import type { Transfer } from '../../device/nvdla/transfer.ts';
import {
  entryById,
  type MemoryEntry,
  memoryFlags,
  type StockLoadable,
  taskInterfaces,
} from '../../loadable/nvdla/format/stock-loadable.ts';
import { memoryDomainCodes } from '../../program/nvdla/codes.ts';
import type { NvdlaTarget } from '../../targets/target.ts';
import { type DeviceOptions, enginesFor } from '../device.ts';
import { JobQueue } from '../job-queue.ts';
import { type MemoryBases, memoryBases, pageSize } from './device-buffers.ts';
import { type DeviceWatch, KernelDriver } from './kernel-driver.ts';
import { NvdlaNetwork } from './nvdla-network.ts';

export interface RecordOptions {
  /** As in {@link DeviceOptions}. */
  readonly engines?: DeviceOptions['engines'] | undefined;
  /** Where each memory begins, at a page. */
  readonly bases?: MemoryBases | undefined;
  /** `layers`: besides the outputs of a task, what each launch wrote is checked as soon as the launch is complete. */
  readonly checks?: 'outputs' | 'layers' | undefined;
}

interface RecordedTask {
  /** Its id in the loadable. */
  readonly id: number;
  readonly recording: Recording;
  readonly launches: number;
}

export interface RecordedRun {
  /** Tasks of the DLA, in the order in which they ran. */
  readonly tasks: readonly RecordedTask[];
  /** Ids of the tasks of the host emulator, which no trace can hold. */
  readonly emulated: readonly number[];
  /** Outputs of the network by bind id. */
  readonly outputs: readonly Uint8Array[];
}

/**
 * Runs a loadable once.
 * @param feed writes the inputs
 * @throws run/input, trace/record, loadable/corrupt, device/stalled, device/unsupported, device/fault, device/memory
 */
export async function recordLoadable(
  loadable: StockLoadable,
  target: NvdlaTarget,
  feed: (network: NvdlaNetwork) => void,
  { engines: wanted, bases = memoryBases, checks = 'outputs' }: RecordOptions = {},
): Promise<RecordedRun> {
  checkBases(bases);
  const bus = new Bus();
  const engines = immediate(await enginesFor(bus, wanted ? { engines: wanted } : {}));
  let recorder: TaskRecorder | undefined;
  const watch: DeviceWatch = {
    onWrite: (address, value) => recorder?.onWrite(address, value),
    onLaunch: (pipeline, result) => recorder?.onLaunch(pipeline, result),
  };
  try {
    const driver = new KernelDriver({ target, bus, engines, queue: new JobQueue(), bases, watch });
    const network = new NvdlaNetwork(loadable, driver);
    feed(network);
    const tasks: RecordedTask[] = [];
    const emulated: number[] = [];
    const order = [...loadable.submits].sort((a, b) => a.id - b.id).flatMap(({ taskIds }) => taskIds);
    for (const id of order) {
      const isDla = entryById(loadable.tasks, id, 'task').interface === taskInterfaces.dla;
      recorder = isDla ? new TaskRecorder(loadable, network, target, bus, checks) : undefined;
      const job = network.job(id);
      while (job.step() !== undefined);
      if (recorder) tasks.push({ id, ...recorder.finish() });
      else emulated.push(id);
    }
    return { tasks, emulated, outputs: network.outputs.map(({ bindId }) => network.read(bindId)) };
  } finally {
    engines.close();
  }
}

function checkBases(bases: MemoryBases): void {
  for (const base of Object.values(bases)) {
    if (base >= 0n && base % BigInt(pageSize) === 0n) continue;
    const detail = { expected: `a multiple of ${pageSize}`, actual: `0x${base.toString(16)}` };
    fail('trace/record', 'memory has to begin at a page', {}, detail);
  }
}

interface Memory extends RecordedMemory {
  readonly isOutput: boolean;
  /** Bytes that the loadable asks for; `bytes` has whole pages. */
  readonly size: number;
}

class TaskRecorder {
  readonly #bus: Bus;
  readonly #checks: RecordOptions['checks'];
  readonly #registers: Recording['registers'];
  readonly #memories: readonly Memory[];
  readonly #events: RecordedEvent[] = [];
  readonly #reached = new Set<Memory>();
  readonly #written = new Set<Memory>();
  /** What launches since the last interrupts wrote, to be checked when their interrupts come. */
  #left: RecordedMemory[] = [];
  #launches = 0;

  constructor(
    loadable: StockLoadable,
    network: NvdlaNetwork,
    target: NvdlaTarget,
    bus: Bus,
    checks: RecordOptions['checks'],
  ) {
    this.#bus = bus;
    this.#checks = checks;
    this.#registers = registerMap(target.nvdla.registers);
    this.#memories = loadable.memories.map((entry): Memory => {
      const { base, size } = bus.window(network.address(entry.id), 1);
      checkReach(base + BigInt(size), target);
      return {
        label: labelOf(entry, loadable),
        memory: entry.domain === memoryDomainCodes.numbers.sram ? 'secondary' : 'primary',
        address: base,
        bytes: bus.read(base, size),
        isOutput: (entry.flags & memoryFlags.output) !== 0,
        size: entry.size,
      };
    });
  }

  onWrite(address: number, value: number): void {
    const place = registerAt(this.#registers, address);
    if (!place) return;
    if (place.block.name !== 'GLB') this.#events.push({ kind: 'write', place, value });
    else if (place.register.name === 'S_INTR_STATUS') this.#served(value);
  }

  onLaunch(pipeline: Launch, { writes, events }: LaunchResult): void {
    const launch = this.#launches++;
    for (const address of addressesIn(pipeline)) {
      const memory = this.#at(address);
      if (memory) this.#reached.add(memory);
    }
    for (const { address } of writes) this.#written.add(this.#at(address)!);
    if (this.#checks !== 'layers') return;
    const label = `launch ${launch}: ${events.map(({ engine }) => engine).join(', ')}`;
    for (const { address, size } of runsOf(pipeline, writes)) this.#left.push(this.#held(label, address, size));
  }

  /** @throws trace/record when the task launched nothing */
  finish(): Omit<RecordedTask, 'id'> {
    if (this.#launches === 0) fail('trace/record', 'the task does nothing on the device');
    const written = this.#memories.filter((memory) => this.#written.has(memory));
    const outputs = written.filter(({ isOutput }) => isOutput);
    for (const { label, address, bytes, size } of outputs.length > 0 ? outputs : written) {
      // Memory images are written in lines of so many bytes.
      const whole = Math.min(bytes.length, Math.ceil(size / checkUnit) * checkUnit);
      this.#events.push({ kind: 'check', ...this.#held(label, address, whole) });
    }
    const memories = this.#memories.filter((memory) => this.#reached.has(memory));
    return { recording: { registers: this.#registers, memories, events: this.#events }, launches: this.#launches };
  }

  #served(bits: number): void {
    const interrupts = interruptsIn(bits);
    if (interrupts.length === 0) return;
    this.#events.push({ kind: 'interrupts', interrupts });
    for (const left of this.#left) {
      // Another launch has overwritten part of it: the trace cannot check it any more.
      const now = this.#bus.read(left.address, left.bytes.length);
      if (now.every((byte, index) => byte === left.bytes[index])) this.#events.push({ kind: 'check', ...left });
    }
    this.#left = [];
  }

  #held(label: string, address: bigint, size: number): RecordedMemory {
    return { label, memory: this.#at(address)!.memory, address, bytes: this.#bus.read(address, size) };
  }

  #at(address: bigint): Memory | undefined {
    return this.#memories.find((each) => address >= each.address && address < each.address + BigInt(each.bytes.length));
  }
}

const checkUnit = 32;

/** @throws trace/record */
function checkReach(end: bigint, { name, nvdla }: NvdlaTarget): void {
  const { addressBits } = nvdla;
  if (end <= 2n ** BigInt(addressBits)) return;
  const detail = { expected: `at most ${addressBits} bits`, actual: `0x${(end - 1n).toString(16)}` };
  fail('trace/record', `memory lies where ${name} has no addresses`, {}, detail);
}

function labelOf({ flags, tensorDescId, contents }: MemoryEntry, { tensors }: StockLoadable): string {
  const tensor = tensors.find(({ id }) => id === tensorDescId);
  if (flags & memoryFlags.input) return `input ${tensor?.name ?? ''}`;
  if (flags & memoryFlags.output) return `output ${tensor?.name ?? ''}`;
  return contents.length > 0 ? contents.join(', ') : 'work space';
}

function interruptsIn(bits: number): readonly Interrupt[] {
  return Object.entries(interruptBits).flatMap(([engine, first]) =>
    [0, 1].flatMap((group) => {
      const bit = first + group;
      return bits & (1 << bit) ? [{ name: `${engine}_${group}`, bit }] : [];
    }),
  );
}

/** Every address that a pipeline names. */
function addressesIn(part: unknown): readonly bigint[] {
  if (typeof part !== 'object' || part === null) return [];
  return Object.entries(part).flatMap(([name, value]) =>
    typeof value === 'bigint' ? (name === 'address' ? [value] : []) : addressesIn(value),
  );
}

/** The bytes that a launch writes, as runs without gaps: between its lines other launches may write. */
function runsOf(pipeline: Launch, writes: readonly Cube[]): readonly Region[] {
  const lines = pipeline.kind === 'transfer' ? pipeline.transfers.flatMap(linesMoved) : writes.flatMap(linesOf);
  const runs: Region[] = [];
  for (const line of lines) {
    const last = runs.at(-1);
    if (last && last.address + BigInt(last.size) === line.address) {
      runs[runs.length - 1] = { address: last.address, size: last.size + line.size };
    } else runs.push(line);
  }
  return runs;
}

function linesOf(cube: Cube): readonly Region[] {
  const { atom, runs, elementBytes } = packingOf(cube);
  const [, , height, width] = cube.shape;
  const size = width * atom * elementBytes;
  return grid(runs, height).map(([run, y]) => ({
    address: cube.address + BigInt(run * cube.surfaceStride + y * cube.lineStride),
    size,
  }));
}

const linesMoved = ({ destination, lineBytes, lines, surfaces }: Transfer): readonly Region[] =>
  grid(surfaces, lines).map(([surface, line]) => ({
    address: destination.address + BigInt(surface * destination.surfaceStride + line * destination.lineStride),
    size: lineBytes,
  }));

const grid = (rows: number, columns: number): readonly (readonly [number, number])[] =>
  Array.from({ length: rows * columns }, (_, index) => [Math.floor(index / columns), index % columns]);
