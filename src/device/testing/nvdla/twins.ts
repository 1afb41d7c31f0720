/**
 * The same memory twice, one for the reference and one for the kernels: whatever is launched must leave the same bytes
 * everywhere, the same counters and the same error.
 */

import { DlakitError } from '../../../base/errors.ts';
import type { Pipeline } from '../../../program/layer.ts';
import { Bus, type Window } from '../../bus.ts';
import { referenceEngines } from '../../engines/reference/engines.ts';
import type { LookupTable } from '../../engines/reference/nvdla/lookup-table.ts';
import { createWasmEngines, type WasmEngines } from '../../engines/wasm/engines.ts';
import type { Cube } from '../../launch.ts';
import { launch } from '../../launch.ts';
import type { DeviceState, NvdlaState } from '../../state.ts';
import { unmapCubes } from '../cubes.ts';

type State = DeviceState & { readonly nvdla: NvdlaState };

interface Twin {
  readonly bus: Bus;
  readonly state: State;
}

export interface TwinLaunch {
  /** Who did it: kernels that worked it out, kernels that repeated it, or the reference. */
  readonly by: 'kernels' | 'repetition' | 'reference';
  /** The code of the error that both gave. */
  readonly error?: string;
}

export class Twins {
  readonly #plain: Twin;
  readonly #fast: Twin;
  readonly #engines: WasmEngines;

  private constructor(bus: Bus, engines: WasmEngines) {
    this.#plain = { bus: new Bus(), state: { engines: referenceEngines(), nvdla: {} } };
    this.#fast = { bus, state: { engines, nvdla: {} } };
    this.#engines = engines;
  }

  static async open(): Promise<Twins> {
    const bus = new Bus();
    return new Twins(bus, await createWasmEngines(bus, { threads: 1 }));
  }

  close(): void {
    this.#engines.close();
  }

  /** Does the same to both memories. @returns what came of one: both must be alike */
  both<T>(work: (bus: Bus) => T): T {
    work(this.#plain.bus);
    return work(this.#fast.bus);
  }

  /** Does `work` with less memory in reach. */
  within<T>(windows: (bus: Bus) => readonly Window[], work: () => T): T {
    const [plain, fast] = [this.#plain.bus, this.#fast.bus];
    return plain.within(windows(plain), () => fast.within(windows(fast), work));
  }

  /** Unmaps all cubes. */
  clear(): void {
    this.both(unmapCubes);
  }

  /** The lookup table of SDP and of CDP from now on. */
  load(table: LookupTable): void {
    for (const { state } of [this.#plain, this.#fast]) {
      state.nvdla.sdpTable = table;
      state.nvdla.cdpTable = table;
    }
  }

  /** @throws Error when they differ */
  launch(pipeline: Pipeline<Cube>): TwinLaunch {
    const { fallbacks, repeats } = this.#engines;
    const [wanted, got] = [this.#plain, this.#fast].map(({ bus, state }) =>
      outcome(() => launch(pipeline, bus, state)),
    );
    const difference = this.#difference();
    if (JSON.stringify(wanted) !== JSON.stringify(got)) {
      throw new Error(`reference: ${JSON.stringify(wanted)}, kernels: ${JSON.stringify(got)}`);
    }
    if (difference !== undefined) throw new Error(`memory differs at 0x${difference.toString(16)}`);
    const by =
      this.#engines.fallbacks > fallbacks ? 'reference' : this.#engines.repeats > repeats ? 'repetition' : 'kernels';
    return { by, ...('error' in wanted! && { error: wanted.error }) };
  }

  #difference(): bigint | undefined {
    for (const { base, size } of this.#plain.bus.reach) {
      const [left, right] = [this.#plain, this.#fast].map(({ bus }) => bus.read(base, size));
      const at = left!.findIndex((byte, index) => byte !== right![index]);
      if (at >= 0) return base + BigInt(at);
    }
    return undefined;
  }
}

function outcome(run: () => ReturnType<typeof launch>): { readonly counters: object } | { readonly error: string } {
  try {
    const { counters, events } = run();
    return { counters: { ...counters, events } };
  } catch (error) {
    if (error instanceof DlakitError) return { error: error.problem.code };
    throw error;
  }
}
