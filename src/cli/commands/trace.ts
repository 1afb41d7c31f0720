/** `dla trace`: register traces of the open NVDLA, played on the emulated device or recorded from a run. */

import { basename, dirname, join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { fail, locate } from '../../base/errors.ts';
import { listFolder, readBytes, readText, writeFiles } from '../../host/node/files.ts';
import { nodeOnnxRuntime } from '../../host/node/onnxruntime.ts';
import { namedImages, recordTraces, runTrace } from '../../index.ts';
import { decodeLoadable, isLoadable } from '../../loadable/container.ts';
import { decodeStockLoadable } from '../../loadable/nvdla/format/stock-loadable.ts';
import { tagOf } from '../../loadable/nvdla/format/tag.ts';
import { grouped, printable, table } from '../../report/table.ts';
import { memoryBases } from '../../runtime/nvdla/device-buffers.ts';
import type { Context } from '../context.ts';
import { printPreprocess, requireDataFlags } from '../data-flags.ts';
import { type EngineFlags, withEngineName } from '../device-flags.ts';
import { type InputFlags, readInputs, readStockInputs, withInputs } from '../run-inputs.ts';
import { fileName } from '../run-outputs.ts';

export const traceCommand = (context: Context): Command => {
  const command = new Command('trace').description(
    'Register traces of the open NVDLA: play them, or record them from a run for RTL, an FPGA or bare metal.',
  );
  return command.addCommand(runCommand(context)).addCommand(recordCommand(context));
};

interface RunFlags extends Pick<EngineFlags, 'engines'> {
  readonly target: string;
}

const runCommand = (context: Context): Command =>
  withEngineName(new Command('run'))
    .description('Play a trace on the emulated device, with all its checks.')
    .argument('<trace>', 'a .cfg program, an input.txn, or a folder that holds one')
    .requiredOption('--target <name>', 'nv_small, nv_full, … or a target of your own as .json')
    .addHelpText(
      'after',
      `
Examples:
  dla trace run dc_24x33x55_5x5x55x25_int8_0.cfg --target nv_small
  dla trace run traces/sdp_relu_int16/ --target nv_full`,
    )
    .action(async (path: string, flags: RunFlags) => {
      const file = await traceIn(path);
      const text = await readText(file);
      const images = new Map<string, string>();
      for (const name of await namedImages(text, file)) images.set(name, await readText(beside(file, name)));
      const report = await runTrace(text, file, images, { target: flags.target, engines: flags.engines });
      const pipelines = Object.entries(report.pipelines);
      const launches = pipelines.reduce((sum, [, each]) => sum + each.launches, 0);
      context.print(
        `${basename(file)}: ${report.checks} checks passed, ${grouped(report.registerWrites)} register writes, ${launches} launches`,
      );
      if (launches === 0) return;
      context.print(
        table(
          [
            { title: 'engines' },
            ...['launches', 'MACs', 'bytes read', 'bytes written', 'saturated'].map(
              (title) => ({ title, align: 'right' }) as const,
            ),
          ],
          pipelines.map(([name, { launches: count, counters }]) => [
            name,
            ...[count, counters.macs, counters.readBytes, counters.writtenBytes, counters.saturated].map(grouped),
          ]),
          context.text,
        ),
      );
    });

/** @throws file/not-found, cli/usage */
async function traceIn(path: string): Promise<string> {
  if (/\.(cfg|txn)$/.test(path)) return path;
  const names = (await listFolder(path)).flatMap(({ name, folder }) =>
    !folder && (name === 'input.txn' || name.endsWith('.cfg')) ? [name] : [],
  );
  if (names.length === 1) return join(path, names[0]!);
  const detail = { expected: 'one .cfg program or an input.txn', actual: names.join(', ') || 'neither' };
  return fail('cli/usage', 'the folder does not say which trace is wanted', { file: path }, detail);
}

/** A trace may name files beside it and nothing else. */
function beside(trace: string, name: string): string {
  if (/^[^/\\]+$/.test(name) && name !== '..') return join(dirname(trace), name);
  return fail('trace/syntax', 'a trace may only name files beside it', { file: trace }, { actual: name });
}

interface RecordFlags extends Pick<EngineFlags, 'engines'>, InputFlags {
  readonly target?: string;
  readonly output: string;
  readonly format: 'cfg' | 'txn';
  readonly checks: 'outputs' | 'layers';
  readonly base: bigint;
  readonly sramBase: bigint;
}

const recordCommand = (context: Context): Command =>
  withInputs(withEngineName(new Command('record')))
    .description('Run a loadable and write what the firmware did to the registers as a trace, with memory images.')
    .argument('<loadable>', 'compiled for an open NVDLA: .dla, or any stock loadable')
    .option('--target <name>', 'what a stock loadable was made for, where it does not say so')
    .requiredOption('--output <folder>', 'receives the trace and its images; a folder in it for each of several')
    .addOption(
      new Option('--format <form>', 'the verification suite’s program, or the test bench’s input.txn')
        .choices(['cfg', 'txn'])
        .default('cfg'),
    )
    .addOption(
      new Option('--checks <what>', 'of the outputs, or also of what every launch leaves as it completes')
        .choices(['outputs', 'layers'])
        .default('outputs'),
    )
    .addOption(
      new Option('--base <address>', 'where the hardware’s memory begins')
        .argParser(address)
        .default(memoryBases.system, hex(memoryBases.system)),
    )
    .addOption(
      new Option('--sram-base <address>', 'where its second memory begins')
        .argParser(address)
        .default(memoryBases.sram, hex(memoryBases.sram)),
    )
    .addHelpText(
      'after',
      `
Examples:
  dla trace record net.dla --images photos/ --output trace/
  dla trace record net.nvdla --input 0=surface.bin --format txn --output trace/
  dla trace record net.dla --input image=image.bin --base 0xc000_0000 --checks layers --output trace/`,
    )
    .action(async (file: string, flags: RecordFlags, command: Command) => {
      await requireDataFlags(command, flags);
      const bytes = await readBytes(file);
      const own = isLoadable(bytes);
      const { target, format, checks } = flags;
      const plan = own ? decodeLoadable(bytes, { file, ...(target !== undefined && { target }) }).plan : undefined;
      const hasHost = plan?.segments.some(({ kind }) => kind === 'host');
      const tag = plan ? undefined : tagOf(locate({ file }, () => decodeStockLoadable(bytes)));
      const { inputs, preprocess } = plan ? await readInputs(plan, flags) : await readStockInputs(tag, flags);
      const batch = inputs instanceof Map ? 1 : (plan?.batch ?? tag?.submissions ?? 1);
      const { traces, emulated } = await recordTraces(bytes, inputs, {
        target,
        format,
        checks,
        engines: flags.engines,
        bases: { system: flags.base, sram: flags.sramBase },
        ...(hasHost && { runtime: await nodeOnnxRuntime() }),
      });
      if (traces.length === 0) fail('trace/record', 'nothing of the loadable runs on the DLA', { file });
      await context.checkpoint();
      const files = traces.flatMap(({ name, files: own }, index) => {
        const folder = traces.length === 1 ? flags.output : join(flags.output, fileName(name, index));
        return [...own].map(([image, text]) => [join(folder, image), text] as const);
      });
      await writeFiles(files);
      printPreprocess(preprocess, context);
      for (const { name, launches, files: own } of traces) {
        context.print(`${printable(name)}: ${launches} launches, ${own.size} files`);
      }
      if (batch > 1) context.note(`recorded the first of a batch of ${batch}`);
      if (hasHost || emulated > 0)
        context.note('what the host computes is in no trace; each begins with memory as it was');
      context.note(`wrote ${files.length} files to ${flags.output}`);
    });

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** `0x8000_0000` */
function address(text: string): bigint {
  const digits = text.replaceAll('_', '');
  if (!/^(0x[0-9a-f]{1,16}|\d{1,19})$/i.test(digits)) throw new InvalidArgumentError('An address is wanted.');
  return BigInt(digits);
}
