/**
 * The open NVDLA as its drivers see it: registers and interrupts. A write to `D_OP_ENABLE` enables one stage; when every
 * stage of a pipeline is enabled in the group whose turn it is, the pipeline is formed from their registers and launched
 * — the same launch that serves every other way of running a network — after which its groups are idle again and its
 * interrupts are pending.
 */

import { fail } from '../../graph/errors.ts';
import type { Pipeline } from '../../program/layer.ts';
import type { Target } from '../../targets/target.ts';
import type { Bus } from '../bus.ts';
import type { Cube } from '../cube.ts';
import { type LaunchResult, launch } from '../launch.ts';
import { type Group, RegisterFile } from '../registers/register-file.ts';
import {
  addressOf,
  type BlockName,
  type RegisterPlace,
  registerMap,
  registerNamed,
} from '../registers/register-map.ts';
import type { DeviceState, Engines } from '../state.ts';
import { checkPipeline } from './check-pipeline.ts';
import { type CoreFeatures, coreFeatures } from './core-features.ts';
import { formConvolution } from './form-convolution.ts';
import { formLookupTable, type TableMemory, tableMemory } from './form-lookup-table.ts';
import { formNormalise } from './form-normalise.ts';
import { formPooling, isFlying as poolingFlies } from './form-pooling.ts';
import { feedsPooling, formSinglePoint, isFlying, needsDma } from './form-single-point.ts';
import type { NvdlaState } from './nvdla-state.ts';

const convolutionBlocks = ['CDMA', 'CSC', 'CMAC_A', 'CMAC_B', 'CACC'] as const;

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
  readonly target: Target;
  readonly bus: Bus;
  readonly engines: Engines;
  /** Called after every launch. */
  readonly onLaunch?: (pipeline: Pipeline<Cube>, result: LaunchResult) => void;
}

export class NvdlaDevice {
  readonly bus: Bus;
  readonly target: Target;
  readonly registers: RegisterFile;
  readonly #core: CoreFeatures;
  readonly #state: DeviceState & { readonly nvdla: NvdlaState };
  readonly #onLaunch: NvdlaDeviceOptions['onLaunch'];
  readonly #tables: Readonly<Record<'SDP' | 'CDP', TableMemory>> = { SDP: tableMemory(), CDP: tableMemory() };
  #interrupts = 0;

  /** @throws device/unsupported when the target is not a configuration of the open NVDLA */
  constructor({ target, bus, engines, onLaunch }: NvdlaDeviceOptions) {
    this.#core = coreFeatures(target);
    this.bus = bus;
    this.target = target;
    this.registers = new RegisterFile(registerMap(this.#core.features.registers));
    this.#state = { engines, nvdla: {} };
    this.#onLaunch = onLaunch;
    // The convolution buffer is cleared at reset.
    this.registers.show('CDMA', 'S_CBUF_FLUSH_STATUS', 1);
  }

  /** A 32-bit read at a byte address of the configuration space. @throws device/fault */
  read(address: number): number {
    return this.#read(this.registers.place(address));
  }

  /** A 32-bit write. @throws device/fault, device/unsupported */
  write(address: number, value: number): void {
    this.#write(this.registers.place(address), value >>> 0);
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
    if ((block.name === 'BDMA' && register.name.startsWith('CFG_LAUNCH')) || this.#startsRubik(place)) {
      if (value & 1) fail('device/unsupported', `${block.name} is not modelled`);
    }
    if (register.name === 'S_LUT_ACCESS_DATA') {
      this.#accessTable(block.name as 'SDP' | 'CDP', value);
      return;
    }
    this.registers.write(place, value);
    if (register.name === 'D_OP_ENABLE') this.#launchReady();
  }

  #startsRubik({ block, register }: RegisterPlace): boolean {
    return block.name === 'RBK' && register.name === 'D_OP_ENABLE';
  }

  /** Reads or writes one entry of a lookup table and moves on to the next. */
  #accessTable(unit: 'SDP' | 'CDP', value?: number): number {
    const view = this.registers.current(unit);
    const index = view.field('S_LUT_ACCESS_CFG', 'LUT_ADDR');
    const memory = view.field('S_LUT_ACCESS_CFG', 'LUT_TABLE_ID') === 0 ? this.#tables[unit].le : this.#tables[unit].lo;
    if (index >= memory.length) {
      return fail('device/fault', `the lookup table of ${unit} has no such entry`, {}, { actual: index });
    }
    if (value !== undefined) memory[index] = value;
    const control = view.value('S_LUT_ACCESS_CFG');
    this.registers.show(unit, 'S_LUT_ACCESS_CFG', (control & ~0x3ff) | (index + 1));
    return memory[index]!;
  }

  /** Launches whatever has all its stages enabled, until nothing has. */
  #launchReady(): void {
    for (;;) {
      if (!this.#launchSinglePoint() && !this.#launchPooling() && !this.#launchNormalise()) return;
    }
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
    this.#state.nvdla.sdpTable = formLookupTable(file, 'SDP', this.#tables.SDP);
    const stage = formSinglePoint(file, this.#core);
    const pdp = pools ? { pdp: formPooling(file, this.#core) } : {};
    const result = this.#launch(
      convolves
        ? { kind: 'conv', conv: formConvolution(file, this.#core), sdp: stage, ...pdp }
        : { kind: 'sdp', sdp: stage, ...pdp },
    );
    file.show('SDP', 'D_PERF_OUT_SATURATION', result.counters.saturated);
    if (convolves) {
      this.#complete('CDMA', ['CDMA_DAT', 'CDMA_WT']);
      for (const name of ['CSC', 'CMAC_A', 'CMAC_B'] as const) this.#complete(name, []);
      this.#complete('CACC', ['CACC']);
    }
    if (file.ready('SDP_RDMA')) this.#complete('SDP_RDMA', []);
    this.#complete('SDP', ['SDP']);
    if (pools) this.#complete('PDP', ['PDP']);
    return true;
  }

  #launchPooling(): boolean {
    const file = this.registers;
    if (!file.ready('PDP') || poolingFlies(file.current('PDP')) || !file.ready('PDP_RDMA')) return false;
    this.#launch({ kind: 'pdp', pdp: formPooling(file, this.#core) });
    this.#complete('PDP_RDMA', []);
    this.#complete('PDP', ['PDP']);
    return true;
  }

  #launchNormalise(): boolean {
    const file = this.registers;
    if (!file.ready('CDP') || !file.ready('CDP_RDMA')) return false;
    this.#state.nvdla.cdpTable = formLookupTable(file, 'CDP', this.#tables.CDP);
    const result = this.#launch({ kind: 'cdp', cdp: formNormalise(file, this.#core) });
    file.show('CDP', 'D_OUT_SATURATION', result.counters.saturated);
    this.#complete('CDP_RDMA', []);
    this.#complete('CDP', ['CDP']);
    return true;
  }

  #launch(pipeline: Pipeline<Cube>): LaunchResult {
    checkPipeline(pipeline, this.bus);
    const result = launch(pipeline, this.bus, this.#state);
    this.#onLaunch?.(pipeline, result);
    return result;
  }

  #complete(block: BlockName, interrupts: readonly InterruptName[]): void {
    const group: Group = this.registers.complete(block);
    for (const name of interrupts) this.#interrupts = (this.#interrupts | (1 << (interruptBits[name] + group))) >>> 0;
  }
}
