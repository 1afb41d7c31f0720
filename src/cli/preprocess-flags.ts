/** The flags that say how pictures become inputs, and what a file of ranges says of it. */

import { type Command, Option } from 'commander';
import { DlakitError } from '../base/errors.ts';
import type { Graph } from '../graph/graph.ts';
import {
  agreedPreprocess,
  type ChannelOrder,
  channelOrders,
  imageInputs,
  imageLayout,
  orderOf,
  type Preprocess,
  preprocessFile,
  preprocessFor,
  readPreprocess,
} from '../graph/preprocess.ts';
import { readBytes, readText } from '../host/node/files.ts';
import { type MeasuredRanges, readMeasuredRanges } from '../quantize/read-ranges.ts';
import { numberList, positive, positiveList } from './options.ts';

export interface PreprocessFlags {
  readonly divisor?: number;
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  readonly channelOrder?: ChannelOrder;
}

/** Their attributes. */
export const preprocessFlags = ['divisor', 'mean', 'std', 'channelOrder'] as const satisfies (keyof PreprocessFlags)[];

export const withPreprocess = (command: Command): Command =>
  command
    .option(
      '--divisor <n>',
      'pictures become (pixel / divisor − mean) / std: 255, or 1 for a mean in units of 0 to 255 (default: as calibrated, else 255)',
      positive,
    )
    .option('--mean <list>', 'subtracted from pixel / divisor, one number or one a channel', numberList)
    .option('--std <list>', 'divides after the mean, one number or one a channel', positiveList)
    .addOption(new Option('--channel-order <order>', 'of the network’s input').choices(Object.keys(channelOrders)));

/** The pre-processing that the flags state; undefined when they state none. @throws preprocess/invalid, preprocess/units */
export function statedPreprocess(flags: PreprocessFlags, graph: Graph): Preprocess | undefined {
  const { divisor, mean = [0], std = [1], channelOrder } = flags;
  if (!divisor && !flags.mean && !flags.std && !channelOrder) return undefined;
  const [input = ''] = imageInputs(graph);
  const channels = imageLayout(graph.values.get(input)?.shape)?.channels ?? 3;
  return preprocessFor(graph, {
    ...(divisor !== undefined && divisor !== 255 && { divisor }),
    mean,
    std,
    channelOrder: channelOrder ?? orderOf(channels),
  });
}

/** Ranges from a file in any of the forms that readRanges knows, and the pre-processing that it or the file beside it states. @throws file/not-found, calibrate/cache-format, preprocess/* */
export async function readCalibration(file: string): Promise<MeasuredRanges> {
  const bytes = await readBytes(file);
  return readMeasuredRanges(bytes, file, await textBeside(file));
}

/**
 * What a network was calibrated with: as a file of ranges says or, without one, how the file beside the network says that its pictures
 * are prepared.
 * @param model the file of the network
 * @param calib the file of ranges
 * @throws as {@link readCalibration}
 */
export async function calibrationOf(model: string, calib: string | undefined): Promise<Partial<MeasuredRanges>> {
  if (calib !== undefined) return readCalibration(calib);
  const beside = await textBeside(model);
  const preprocess = beside === undefined ? undefined : readPreprocess(beside, preprocessFile(model));
  return preprocess ? { preprocess } : {};
}

/**
 * How pictures become the inputs of a network that is measured: as the flags and the file beside the network say, where either does.
 * @throws preprocess/mismatch where they differ; preprocess/invalid, preprocess/units
 */
export async function networkPreprocess(
  model: string,
  flags: PreprocessFlags,
  graph: Graph,
): Promise<Preprocess | undefined> {
  const { preprocess } = await calibrationOf(model, undefined);
  return preprocessFor(graph, agreedPreprocess(statedPreprocess(flags, graph), preprocess, { file: model }));
}

const textBeside = (file: string): Promise<string | undefined> =>
  readText(preprocessFile(file)).catch((error: unknown) => {
    if (error instanceof DlakitError) return undefined;
    throw error;
  });
