/**
 * What the inputs of a network get, run by run: pictures, or tensors of any rank. Nothing is read before it is wanted, and nothing is
 * kept: memory does not grow with the samples.
 */

import { fail } from '../base/errors.ts';
import type { Tensor } from '../graph/tensor.ts';

/** What one input of a network gets. */
export interface InputSource {
  /** The name of the network's input. */
  readonly input: string;
  /** For messages: a file or a folder. */
  readonly name: string;
  /** How many samples there are. */
  readonly size: number;
  /** How many of them a run takes: the batch of the network, or one where the input has none. */
  readonly perRun: number;
  /**
   * A tensor of the input's type and shape with `count` samples from `first` on, at most `perRun`; zeros in the place of those that are
   * missing. Labels where the samples have some.
   * @throws evaluate/image, evaluate/data-set, file/not-found
   */
  read(
    first: number,
    count: number,
  ): Promise<{ readonly tensor: Tensor; readonly labels: readonly (number | undefined)[] }>;
}

export interface Batch {
  readonly inputs: Record<string, Tensor>;
  /** Labels of the samples; the last batch of a data set may have fewer than the input holds. */
  readonly labels: readonly (number | undefined)[];
}

export interface BatchOptions {
  /** How many samples to take, from the first; all when not given. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What all inputs of a network get. */
export interface Feed {
  /** For messages. */
  readonly name: string;
  /** How many samples there are. */
  readonly size: number;
  /** How many samples a run takes. */
  readonly perRun: number;
  /** The samples in runs; a last run with too few is filled up with zeros. @throws as {@link InputSource.read}, cancelled */
  batches(options?: BatchOptions): AsyncGenerator<Batch>;
}

/**
 * Sources side by side: the first sample of each goes with the first of the others. A source of a single sample is the same in every
 * run.
 * @throws evaluate/data-set for sources of different numbers of samples
 */
export function feedOf(sources: readonly InputSource[]): Feed {
  const lead = sources.reduce<InputSource | undefined>(
    (best, source) =>
      best === undefined || (best.size === 1 && source.size > 1) || (source.size > 1 && source.perRun > best.perRun)
        ? source
        : best,
    undefined,
  );
  if (lead === undefined) return fail('evaluate/data-set', 'no input of the network is given anything');
  const runs = Math.ceil(lead.size / lead.perRun);
  for (const source of sources) {
    const wanted = source.perRun === lead.perRun ? lead.size : runs * source.perRun;
    if (source.size === 1 || source.size === wanted) continue;
    const detail = { expected: `${wanted}, as ${lead.input} has, or 1 for all`, actual: source.size };
    fail('evaluate/data-set', 'an input has another number of samples than the others', placeOf(source), detail);
  }
  return {
    name: lead.name,
    size: lead.size,
    perRun: lead.perRun,
    async *batches({ limit = lead.size, signal } = {}) {
      const total = Math.min(lead.size, limit);
      for (let first = 0; first < total; first += lead.perRun) {
        if (signal?.aborted) fail('cancelled', 'the work was cancelled');
        const count = Math.min(lead.perRun, total - first);
        const inputs: Record<string, Tensor> = {};
        let labels: readonly (number | undefined)[] = Array.from({ length: count }, () => undefined);
        for (const source of sources) {
          const run = (first / lead.perRun) * source.perRun;
          const own = source.perRun === lead.perRun ? count : source.perRun;
          const found = source.size === 1 ? await repeated(source, own) : await source.read(run, own);
          inputs[source.input] = found.tensor;
          if (found.labels.some((label) => label !== undefined)) labels = found.labels;
        }
        yield { inputs, labels };
      }
    },
  };
}

const placeOf = ({ input, name }: InputSource) => ({ file: name, value: input });

/** The one sample of a source, `count` times in a run. */
async function repeated(source: InputSource, count: number): ReturnType<InputSource['read']> {
  const { tensor } = await source.read(0, 1);
  const own = tensor.bytes.length / source.perRun;
  for (let index = 1; index < count; index++) tensor.bytes.copyWithin(index * own, 0, own);
  return { tensor, labels: [] };
}

/**
 * The tensors of a feed for calibration: a last run that is not full is left out.
 * @throws evaluate/data-set where there are fewer samples than one run takes; as {@link Feed.batches}
 */
export async function* wholeRuns(feed: Feed, options: BatchOptions = {}): AsyncGenerator<Record<string, Tensor>> {
  const count = Math.min(feed.size, options.limit ?? feed.size);
  if (count < feed.perRun) {
    const detail = { expected: feed.perRun, actual: count };
    fail('evaluate/data-set', 'there are fewer samples than the batch holds', {}, detail);
  }
  const limit = count - (count % feed.perRun);
  for await (const { inputs } of feed.batches({ ...options, limit })) yield inputs;
}
