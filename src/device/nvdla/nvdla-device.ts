/**
 * The open NVDLA as its drivers see it: registers and interrupts. A write to `D_OP_ENABLE` enables one stage; when every
 * stage of a pipeline is enabled in the group whose turn it is, the pipeline is formed from their registers and launched,
 * by the launch that serves every other way of running a network. Then its groups are idle again and its interrupts are
 * pending.
 */

import { fail } from '../../base/errors.ts';
import type { NvdlaTarget } from '../../targets/target.ts';
import type { Bus } from '../bus.ts';
import { noCounts } from '../engines/reference/nvdla/hardware-counts.ts';
import { type Launch, type LaunchResult, launch } from '../launch.ts';
import type { DeviceState, ImmediateEngines, NvdlaState } from '../state.ts';
import { checkPipeline, watchdogSteps } from './form/check-pipeline.ts';
import { formConvolution } from './form/convolution.ts';
import { type CoreFeatures, coreFeatures } from './form/core-features.ts';
import { type FormedPipelines, formedPipelines } from './form/formed-pipelines.ts';
import { formLookupTable, type TableMemory, tableMemory } from './form/lookup-table.ts';
import { formRubik, formTransfer } from './form/mover.ts';
import { formNormalize } from './form/normalize.ts';
import { formPooling, isFlying as poolingFlies } from './form/pooling.ts';
import { feedsPooling, formSinglePoint, isFlying, needsDma, readsAnything } from './form/single-point.ts';
import { needsCounts, showCounts } from './performance-counters.ts';
import { type Group, RegisterFile } from './registers/register-file.ts';
import { addressOf, type BlockName, type RegisterPlace, registerMap, registerNamed } from './registers/register-map.ts';
import type { Transfer } from './transfer.ts';

const convolutionBlocks = ['CDMA', 'CSC', 'CMAC_A', 'CMAC_B', 'CACC'] as const;
const singlePointBlocks = ['SDP', 'SDP_RDMA'] as const;
const poolingBlocks = ['PDP', 'PDP_RDMA'] as const;

/** The blocks of a pipeline whose middle is SDP. */
const chains = [
  [singlePointBlocks, [...singlePointBlocks, ...poolingBlocks]],
  [
    [...singlePointBlocks, ...convolutionBlocks],
    [...singlePointBlocks, ...convolutionBlocks, ...poolingBlocks],
  ],
] as const;
const chainBlocks = (convolves: boolean, pools: boolean): readonly BlockName[] =>
  chains[convolves ? 1 : 0][pools ? 1 : 0];

/** The bit of GLB's interrupt registers that group 0 raises; group 1's is the next. */
export const interruptBits = {
  SDP: 0,
  CDP: 2,
  PDP: 4,
  BDMA: 6,
  RUBIK: 8,
  CDMA_DAT: 16,
  CDMA_WT: 18,
  CACC: 20,
} as const;

export type InterruptName = keyof typeof interruptBits;

export interface NvdlaDeviceOptions {
  readonly target: NvdlaTarget;
  readonly bus: Bus;
  readonly engines: ImmediateEngines;
  /** Called after every launch. */
  readonly onLaunch?: (pipeline: Launch, result: LaunchResult) => void;
  /** Told of every register write before it is made. */
  readonly onWrite?: ((address: number, value: number) => void) | undefined;
  /**
   * When launches happen. `immediate`: with the write that enables the last stage. `stepped`: with
   * {@link NvdlaDevice.advance}, one launch or interrupt at a time, so that software sees the states in between.
   */
  readonly pace?: 'immediate' | 'stepped';
  /** The most steps that one launch may take (check-pipeline.ts). */
  readonly watchdog?: number;
}

/** Transfers that BDMA takes before it is launched. */
const transferSlots = 20;

type Pooling = ReturnType<typeof formPooling>;

export class NvdlaDevice {
  readonly bus: Bus;
  readonly target: NvdlaTarget;
  readonly registers: RegisterFile;
  readonly #core: CoreFeatures;
  readonly #state: DeviceState & { readonly nvdla: NvdlaState };
  readonly #onLaunch: NvdlaDeviceOptions['onLaunch'];
  readonly #onWrite: NvdlaDeviceOptions['onWrite'];
  readonly #tables: Readonly<Record<'SDP' | 'CDP', TableMemory>> = { SDP: tableMemory(), CDP: tableMemory() };
  readonly #formed: FormedPipelines;
  readonly #stepped: boolean;
  readonly #watchdog: number;
  readonly #interruptMask: RegisterPlace;
  /** Interrupts of completed launches that are not raised yet, in order. */
  readonly #comingInterrupts: number[] = [];
  /** Transfers of BDMA that no launch has taken yet. */
  #transfers: Transfer[] = [];
  #launchedTransfers: { readonly group: Group; readonly transfers: readonly Transfer[] }[] = [];
  #interrupts = 0;
  /** Whether the convolution buffer has been cleared since reset. */
  #flushed = false;

  /** @throws device/unsupported when the target is not a configuration of the open NVDLA */
  constructor({ target, bus, engines, onLaunch, onWrite, pace, watchdog = watchdogSteps }: NvdlaDeviceOptions) {
    this.#core = coreFeatures(target);
    this.bus = bus;
    this.target = target;
    this.registers = new RegisterFile(registerMap(this.#core.features.registers));
    this.#state = { engines, nvdla: {} };
    this.#interruptMask = registerNamed(this.registers.map, 'NVDLA_GLB.S_INTR_MASK_0')!;
    this.#formed = formedPipelines(target);
    this.#onLaunch = onLaunch;
    this.#onWrite = onWrite;
    this.#stepped = pace === 'stepped';
    this.#watchdog = watchdog;
    this.#settle();
  }

  /** A 32-bit read at a byte address of the configuration space. @throws device/fault */
  read(address: number): number {
    return this.#read(this.registers.place(address));
  }

  /** A 32-bit write. @throws device/fault, device/unsupported */
  write(address: number, value: number): void {
    this.#onWrite?.(address, value >>> 0);
    const place = this.registers.place(address);
    if (place.register.plain) this.registers.write(place, value >>> 0);
    else this.#write(place, value >>> 0);
  }

  /** The byte address of `NVDLA_SDP.D_CVT_SCALE_0`, or undefined. */
  addressOf(name: string): number | undefined {
    const place = registerNamed(this.registers.map, name);
    return place && addressOf(place);
  }

  /** The interrupts that wait to be served, as GLB shows them. */
  get interrupts(): number {
    return this.#interrupts;
  }

  /** Whether the interrupt line is up: something waits that S_INTR_MASK does not hide (nvdla/hw `NV_NVDLA_GLB_ic.v`). */
  get interruptLine(): boolean {
    return (this.#interrupts & ~this.registers.read(this.#interruptMask)) !== 0;
  }

  #read(place: RegisterPlace): number {
    const { block, register } = place;
    if (block.name === 'GLB' && register.name === 'S_INTR_STATUS') return this.#interrupts;
    if (register.name === 'S_LUT_ACCESS_DATA') return this.#accessTable(block.name as 'SDP' | 'CDP') & 0xffff;
    return this.registers.read(place);
  }

  #write(place: RegisterPlace, value: number): void {
    const { block, register } = place;
    if (block.name === 'GLB') {
      if (register.name === 'S_INTR_STATUS') {
        this.#interrupts = (this.#interrupts & ~value) >>> 0;
        return;
      }
      if (register.name === 'S_INTR_SET') this.#interrupts = (this.#interrupts | (value & register.writable)) >>> 0;
    }
    if (register.name === 'S_LUT_ACCESS_DATA') {
      this.#accessTable(block.name as 'SDP' | 'CDP', value);
      return;
    }
    this.registers.write(place, value);
    if (register.name.startsWith('S_LUT')) this.#forgetTable(block.name);
    if (block.name === 'BDMA' && value & 1) this.#writeBdma(register.name);
    if (register.name === 'D_OP_ENABLE') this.#settle();
  }

  #forgetTable(unit: BlockName): void {
    if (unit === 'SDP') delete this.#state.nvdla.sdpTable;
    else delete this.#state.nvdla.cdpTable;
  }

  #writeBdma(register: string): void {
    if (register === 'CFG_OP') {
      if (this.#transfers.length >= transferSlots) fail('device/fault', 'BDMA has no free slot for a transfer');
      this.#transfers.push(formTransfer(this.registers, this.#core));
    } else if (register === 'CFG_LAUNCH0' || register === 'CFG_LAUNCH1') {
      if (!this.#core.features.bdma) fail('device/unsupported', `${this.#core.target} has no BDMA`);
      this.#launchedTransfers.push({ group: register === 'CFG_LAUNCH0' ? 0 : 1, transfers: this.#transfers });
      this.#transfers = [];
      this.#settle();
    } else return;
    this.registers.show('BDMA', 'STATUS', this.#bdmaStatus());
  }

  #bdmaStatus(): number {
    const busy = (group: Group): number => Number(this.#launchedTransfers.some((launched) => launched.group === group));
    const idle = Number(this.#launchedTransfers.length === 0);
    return (transferSlots - this.#transfers.length) | (idle << 8) | (busy(0) << 9) | (busy(1) << 10);
  }

  /** Does the next thing: raises an interrupt, or launches what is ready. Returns false when nothing is left to do. */
  advance(): boolean {
    if (!this.#flushed) {
      this.#flushed = true;
      this.registers.show('CDMA', 'S_CBUF_FLUSH_STATUS', 1);
      return true;
    }
    const interrupt = this.#comingInterrupts.shift();
    if (interrupt !== undefined) {
      this.#interrupts = (this.#interrupts | interrupt) >>> 0;
      return true;
    }
    return this.#launchOne();
  }

  #settle(): void {
    if (this.#stepped) return;
    while (this.advance());
  }

  /** Reads or writes one entry of a lookup table and moves on to the next. */
  #accessTable(unit: 'SDP' | 'CDP', value?: number): number {
    const view = this.registers.current(unit);
    const index = view.field('S_LUT_ACCESS_CFG', 'LUT_ADDR');
    const memory = view.field('S_LUT_ACCESS_CFG', 'LUT_TABLE_ID') === 0 ? this.#tables[unit].le : this.#tables[unit].lo;
    if (index >= memory.length) {
      return fail('device/fault', `the lookup table of ${unit} has no such entry`, {}, { actual: index });
    }
    if (value !== undefined) {
      memory[index] = value;
      this.#forgetTable(unit);
    }
    const control = view.value('S_LUT_ACCESS_CFG');
    this.registers.show(unit, 'S_LUT_ACCESS_CFG', (control & ~0x3ff) | (index + 1));
    return memory[index]!;
  }

  #launchOne(): boolean {
    return (
      this.#launchSinglePoint() ||
      this.#launchPooling() ||
      this.#launchNormalize() ||
      this.#launchRubik() ||
      this.#launchTransfers()
    );
  }

  #launchSinglePoint(): boolean {
    const file = this.registers;
    if (!file.ready('SDP')) return false;
    const sdp = file.current('SDP');
    const convolves = isFlying(sdp);
    const pools = feedsPooling(sdp);
    const dma = needsDma(sdp);
    if (convolves && !convolutionBlocks.every((name) => file.ready(name))) return false;
    if (dma && !file.ready('SDP_RDMA')) return false;
    if (pools && !(file.ready('PDP') && poolingFlies(file.current('PDP')))) return false;
    this.#state.nvdla.sdpTable ??= formLookupTable(file, 'SDP', this.#tables.SDP);
    const blocks = chainBlocks(convolves, pools);
    const pipeline = this.#formed.get(file, blocks, () => {
      const stage = formSinglePoint(file, this.#core);
      const pdp: { readonly pdp?: Pooling } = pools ? { pdp: formPooling(file, this.#core) } : {};
      return convolves
        ? { kind: 'conv', conv: formConvolution(file, this.#core), sdp: stage, ...pdp }
        : { kind: 'sdp', sdp: stage, ...pdp };
    });
    this.#launch(pipeline);
    if (convolves) {
      this.#complete('CDMA', ['CDMA_DAT', 'CDMA_WT']);
      for (const name of ['CSC', 'CMAC_A', 'CMAC_B'] as const) this.#complete(name, []);
      this.#complete('CACC', ['CACC']);
    }
    // A read DMA that reads nothing ends with any launch. One that reads was enabled for the next operation, and stays.
    if (dma || (file.ready('SDP_RDMA') && !readsAnything(file.current('SDP_RDMA')))) this.#complete('SDP_RDMA', []);
    this.#complete('SDP', ['SDP']);
    if (pools) this.#complete('PDP', ['PDP']);
    return true;
  }

  #launchPooling(): boolean {
    const file = this.registers;
    if (!file.ready('PDP') || poolingFlies(file.current('PDP')) || !file.ready('PDP_RDMA')) return false;
    this.#launch(this.#formed.get(file, poolingBlocks, () => ({ kind: 'pdp', pdp: formPooling(file, this.#core) })));
    this.#complete('PDP_RDMA', []);
    this.#complete('PDP', ['PDP']);
    return true;
  }

  #launchNormalize(): boolean {
    const file = this.registers;
    if (!file.ready('CDP') || !file.ready('CDP_RDMA')) return false;
    this.#state.nvdla.cdpTable ??= formLookupTable(file, 'CDP', this.#tables.CDP);
    this.#launch({ kind: 'cdp', cdp: formNormalize(file, this.#core) });
    this.#complete('CDP_RDMA', []);
    this.#complete('CDP', ['CDP']);
    return true;
  }

  #launchRubik(): boolean {
    const file = this.registers;
    if (!file.ready('RBK')) return false;
    this.#launch({ kind: 'rubik', rubik: formRubik(file, this.#core) });
    this.#complete('RBK', ['RUBIK']);
    return true;
  }

  #launchTransfers(): boolean {
    const launched = this.#launchedTransfers.shift();
    if (!launched) return false;
    const { group, transfers } = launched;
    if (transfers.length > 0) this.#launch({ kind: 'transfer', transfers });
    this.#comingInterrupts.push(1 << (interruptBits.BDMA + group));
    this.registers.show('BDMA', 'STATUS', this.#bdmaStatus());
    return true;
  }

  #launch(pipeline: Launch): void {
    checkPipeline(pipeline, this.bus, this.#watchdog);
    const counts = noCounts(this.registers.map.generation, needsCounts(pipeline, this.registers));
    this.#state.nvdla.counts = counts;
    const result = launch(pipeline, this.bus, this.#state);
    showCounts(pipeline, counts, this.registers);
    this.#onLaunch?.(pipeline, result);
  }

  #complete(block: BlockName, interrupts: readonly InterruptName[]): void {
    const group: Group = this.registers.complete(block);
    for (const name of interrupts) this.#comingInterrupts.push(1 << (interruptBits[name] + group));
  }
}
