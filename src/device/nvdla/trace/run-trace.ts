/**
 * Runs a trace of either form on a device of its own. Like hardware, the device makes progress only while the trace waits,
 * so a trace that forgets to wait fails here as it would there.
 */

import { fail, type Place } from '../../../base/errors.ts';
import type { EngineName } from '../../../program/layers/kind.ts';
import type { NvdlaTarget } from '../../../targets/target.ts';
import { Bus } from '../../bus.ts';
import { referenceEngines } from '../../engines/reference/engines.ts';
import type { LaunchResult } from '../../launch.ts';
import type { ImmediateEngines } from '../../state.ts';
import { NvdlaDevice } from '../nvdla-device.ts';
import { playTrace, type TraceResult } from './player.ts';
import { parseTrace, type TraceCommand } from './trace-program.ts';
import { playTxn } from './txn-player.ts';
import { parseTxn, type TxnCommand } from './txn-program.ts';

export type ParsedTrace = { readonly file: string } & (
  | { readonly form: 'cfg'; readonly commands: readonly TraceCommand[] }
  | { readonly form: 'txn'; readonly commands: readonly TxnCommand[] }
);

/** @param file a name that ends in `.txn`, or else holds a `.cfg` program @throws trace/syntax */
export const parseTraceFile = (text: string, file: string): ParsedTrace =>
  file.endsWith('.txn')
    ? { file, form: 'txn', commands: parseTxn(text, file) }
    : { file, form: 'cfg', commands: parseTrace(text, file) };

/** The files that a trace names, each once. */
export const imageFiles = ({ commands }: ParsedTrace): readonly string[] => [
  ...new Set(commands.flatMap((command) => ('file' in command ? [command.file] : []))),
];

export interface LaunchTotals {
  readonly launches: number;
  readonly counters: LaunchResult['counters'];
}

export interface TraceReport extends TraceResult {
  /** By the engines of the launch, as `conv → sdp`. */
  readonly pipelines: Readonly<Record<string, LaunchTotals>>;
  /** Launches in which an engine had a part. */
  readonly engines: Readonly<Partial<Record<EngineName, number>>>;
}

export interface RunTraceOptions {
  /** The scalar reference by default. */
  readonly engines?: (bus: Bus) => ImmediateEngines | Promise<ImmediateEngines>;
  /** Most bytes of memory; 1 GiB by default. */
  readonly maximum?: number;
  /** The most steps of one launch ({@link NvdlaDevice}'s when not given). */
  readonly watchdog?: number;
}

/**
 * @param images the text of every file that the trace names
 * @throws trace/syntax, trace/check, file/not-found, device/fault, device/unsupported, device/memory, device/timeout
 */
export async function runTrace(
  trace: ParsedTrace,
  images: ReadonlyMap<string, string>,
  target: NvdlaTarget,
  { engines: enginesFor = referenceEngines, maximum = 2 ** 30, watchdog }: RunTraceOptions = {},
): Promise<TraceReport> {
  const bus = new Bus({ maximum });
  const engines = await enginesFor(bus);
  try {
    const launches = launchTotals();
    const device = new NvdlaDevice({
      target,
      bus,
      engines,
      pace: 'stepped',
      onLaunch: (_, result) => launches.add(result),
      ...(watchdog !== undefined && { watchdog }),
    });
    const { file } = trace;
    const options = { file, load: (name: string) => images.get(name) ?? missing({ file, value: name }) };
    const result =
      trace.form === 'cfg' ? playTrace(trace.commands, device, options) : playTxn(trace.commands, device, options);
    return { ...result, pipelines: launches.pipelines, engines: launches.engines };
  } finally {
    engines.close();
  }
}

const missing = (place: Place): never => fail('file/not-found', 'a memory image of the trace is not there', place);

function launchTotals() {
  const pipelines: Record<string, LaunchTotals> = {};
  const engines: Partial<Record<EngineName, number>> = {};
  return {
    pipelines,
    engines,
    add({ events, counters }: LaunchResult): void {
      const names = events.map(({ engine }) => engine);
      for (const name of names) engines[name] = (engines[name] ?? 0) + 1;
      const key = names.join(' → ');
      const before = pipelines[key];
      const sum = (field: keyof LaunchResult['counters']): number => (before?.counters[field] ?? 0) + counters[field];
      pipelines[key] = {
        launches: (before?.launches ?? 0) + 1,
        counters: {
          macs: sum('macs'),
          readBytes: sum('readBytes'),
          writtenBytes: sum('writtenBytes'),
          saturated: sum('saturated'),
        },
      };
    },
  };
}
