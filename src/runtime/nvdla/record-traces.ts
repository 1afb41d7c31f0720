/**
 * Traces of a run: one for each DLA segment of a loadable of dlakit's, or for each DLA task of a stock loadable. What the
 * host does between them (host segments, tasks of the emulator) is in no trace; each begins with memory as the host
 * left it.
 */

import type { TraceFiles } from '../../device/nvdla/trace/recording.ts';
import { writeCfg } from '../../device/nvdla/trace/write-cfg.ts';
import { writeTxn } from '../../device/nvdla/trace/write-txn.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { StockLoadable } from '../../loadable/nvdla/format/stock-loadable.ts';
import type { OnnxRuntime } from '../../onnx/session.ts';
import type { CompiledNetwork } from '../../program/program.ts';
import type { NvdlaTarget } from '../../targets/target.ts';
import type { NvdlaInputs } from './nvdla-network.ts';
import { recordNetwork } from './record-network.ts';
import { type RecordedRun, type RecordOptions, recordLoadable } from './trace-recorder.ts';

export interface TraceOptions extends RecordOptions {
  /** `cfg` when not given. */
  readonly format?: 'cfg' | 'txn' | undefined;
  /** Executes host segments ahead of the DLA's. */
  readonly runtime?: OnnxRuntime | undefined;
}

export interface RecordedTrace {
  /** The segment's name, or `task 0`. */
  readonly name: string;
  /** The trace first, then the memory images that it names. */
  readonly files: TraceFiles;
  readonly launches: number;
}

export interface RecordedTraces {
  readonly target: string;
  readonly traces: readonly RecordedTrace[];
  /** How many tasks the host emulator ran; they touch no register, so no trace holds them. */
  readonly emulated: number;
}

/** @throws run/input, run/host-missing, trace/record, device/* */
export async function tracesOfNetwork(
  network: CompiledNetwork,
  inputs: Readonly<Record<string, Tensor>>,
  options: TraceOptions = {},
): Promise<RecordedTraces> {
  const segments = await recordNetwork(network, inputs, options);
  const traces = segments.flatMap((segment) => tracesOf(segment, options, () => segment.name));
  return { target: network.plan.target, traces, emulated: 0 };
}

/**
 * @param inputs of tensors that hold several images the first is recorded
 * @throws run/input, trace/record, loadable/corrupt, device/*
 */
export async function tracesOfLoadable(
  loadable: StockLoadable,
  target: NvdlaTarget,
  inputs: NvdlaInputs,
  options: TraceOptions = {},
): Promise<RecordedTraces> {
  const run = await recordLoadable(loadable, target, (network) => network.feed(network.firstImage(inputs)), options);
  const traces = tracesOf(run, options, (id) => `task ${id}`);
  return { target: target.name, traces, emulated: run.emulated.length };
}

function tracesOf(
  { tasks }: RecordedRun,
  { format }: TraceOptions,
  name: (id: number) => string,
): readonly RecordedTrace[] {
  const write = format === 'txn' ? writeTxn : writeCfg;
  return tasks.map(({ id, recording, launches }) => ({ name: name(id), files: write(recording), launches }));
}
