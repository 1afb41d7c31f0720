/**
 * Where mutants run: a device of each configuration, with engines of either kind, that has run other mutants before. Around the
 * network under test, in addresses and in memory, lie buffers of others: after every run they must hold what they held.
 */

import { DlakitError, type ErrorCode } from '../../../src/base/errors.ts';
import type { Random } from '../../../src/base/random.ts';
import { Bus } from '../../../src/device/bus.ts';
import { referenceEngines } from '../../../src/device/engines/reference/engines.ts';
import { createWasmEngines } from '../../../src/device/engines/wasm/engines.ts';
import type { StockLoadable } from '../../../src/loadable/nvdla/format/stock-loadable.ts';
import { JobQueue } from '../../../src/runtime/job-queue.ts';
import type { BufferHandle } from '../../../src/runtime/nvdla/device-buffers.ts';
import { KernelDriver } from '../../../src/runtime/nvdla/kernel-driver.ts';
import { submitNow } from '../../../src/runtime/nvdla/testing/drive.ts';
import { StockNetwork } from '../../../src/runtime/nvdla/user-driver.ts';
import type { NvdlaTarget } from '../../../src/targets/target.ts';
import type { StockBase } from './bases.ts';

export type EngineKind = 'reference' | 'kernels';

/** A bug that no exception shows. */
export class Inconsistency extends Error {}

/** How a run ended. */
export interface Ending {
  /** `none` when it went to its end. */
  readonly code: ErrorCode | 'none';
  readonly message: string;
  /** Whether it came to running. */
  readonly stage: 'load' | 'run';
  readonly outputs: readonly Uint8Array[];
}

const maximum = 1 << 24;
const watchdog = 1 << 22;
const canaryBytes = 12_000;
/** Behind the network under test. */
const canariesBehind = 6;

const patterns = new Map<number, Uint8Array>();

function canary(fill: number): Uint8Array {
  const known = patterns.get(fill);
  if (known) return known;
  const made = Uint8Array.from({ length: canaryBytes }, (_, index) => (index * 151 + fill * 77 + 13) & 0xff);
  patterns.set(fill, made);
  return made;
}

export class Lab {
  readonly #driver: KernelDriver;
  readonly #fixed: readonly BufferHandle[];
  #runs = 0;

  private constructor(driver: KernelDriver) {
    this.#driver = driver;
    this.#fixed = (['system', 'sram'] as const).map((domain) => driver.buffers.allocate(canaryBytes, { domain }));
  }

  static async open(target: NvdlaTarget, kind: EngineKind): Promise<Lab> {
    const bus = new Bus({ maximum });
    const engines = kind === 'kernels' ? await createWasmEngines(bus, { threads: 1 }) : referenceEngines();
    return new Lab(new KernelDriver({ target, bus, engines, queue: new JobQueue(), watchdog }));
  }

  /**
   * Loads and runs a loadable once.
   * @param fill what the buffers of others hold: it must make no difference
   * @throws Inconsistency when it does what no loadable may; whatever a bug throws
   */
  run(loadable: StockLoadable, inputs: Random, fill: number): Ending {
    this.#runs++;
    const { buffers } = this.#driver;
    const canaries = [...this.#fixed];
    const wanted = canary(fill);
    for (const handle of canaries) buffers.write(handle, wanted);
    const ending = this.#run(loadable, inputs, () => {
      for (let count = 0; count < canariesBehind; count++) {
        const handle = buffers.allocate(canaryBytes, { domain: count === 0 ? 'sram' : 'system' });
        canaries.push(handle);
        buffers.write(handle, wanted);
      }
    });
    const spoilt = canaries.findIndex((handle) => Buffer.compare(buffers.read(handle), wanted) !== 0);
    for (const handle of canaries) if (!this.#fixed.includes(handle)) buffers.free(handle);
    if (spoilt >= 0) throw new Inconsistency(`buffer ${spoilt} of somebody else was written`);
    return ending;
  }

  #run(loadable: StockLoadable, random: Random, loaded: () => void): Ending {
    let stage: Ending['stage'] = 'load';
    let network: StockNetwork | undefined;
    try {
      network = new StockNetwork(loadable, this.#driver);
      loaded();
      for (const { bindId, size } of network.inputs) network.write(bindId, random.bytes(size));
      stage = 'run';
      submitNow(network);
      const outputs = network.outputs.map(({ bindId }) => network!.read(bindId));
      return { code: 'none', message: '', stage, outputs };
    } catch (error) {
      if (!(error instanceof DlakitError)) throw error;
      const { code } = error.problem;
      return { code, message: error.message, stage, outputs: [] };
    } finally {
      network?.unload();
    }
  }

  get isOld(): boolean {
    return this.#runs > 400;
  }
}

const labs = new Map<string, Lab>();

export async function labOf(target: NvdlaTarget, kind: EngineKind): Promise<Lab> {
  const key = `${target.name} ${kind}`;
  const known = labs.get(key);
  if (known && !known.isOld) return known;
  const made = await Lab.open(target, kind);
  labs.set(key, made);
  return made;
}

/** What sound loadables give, by their names. */
const sound = new Map<string, readonly Uint8Array[]>();

/** A device that mutants ran on runs what is sound as before. @throws Inconsistency */
export function checkUsable(lab: Lab, { name, loadable }: StockBase, inputs: () => Random): void {
  const { code, message, outputs } = lab.run(loadable, inputs(), 0);
  if (code !== 'none') throw new Inconsistency(`the sound loadable ends with ${message}`);
  const before = sound.get(name);
  if (!before) sound.set(name, outputs);
  else if (!sameOutputs(before, outputs)) throw new Inconsistency('the sound loadable gives other bytes than before');
}

export const sameOutputs = (a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean =>
  a.length === b.length && a.every((bytes, index) => Buffer.compare(bytes, b[index]!) === 0);
