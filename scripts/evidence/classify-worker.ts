/** A process that classifies images with a compiled network on an emulated device; classify.ts gives it work. */

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { batches, type DataSet } from '../../src/evaluate/data-set.ts';
import { idxDataSet } from '../../src/evaluate/idx.ts';
import { bestOf } from '../../src/evaluate/metrics.ts';
import { elementCount, float32Values } from '../../src/graph/tensor.ts';
import { decodeLoadable } from '../../src/loadable/container.ts';
import { fashionModel } from '../../src/models/fashion.ts';
import { openDevice } from '../../src/runtime/device.ts';
import { loadNetwork, type NetworkSession } from '../../src/runtime/network.ts';

export interface ClassifyJob {
  readonly id: number;
  /** A loadable of dlakit's, and what tells it from others. */
  readonly loadable: Uint8Array;
  readonly key: string;
  readonly recipe: string;
  /** Test images [from, to). */
  readonly from: number;
  readonly to: number;
}

export type ClassifyReply =
  | { readonly id: number; readonly classes: Uint8Array }
  | { readonly id: number; readonly error: string };

const data = (name: string): Promise<Uint8Array> =>
  readFile(
    process.env.DLAKIT_DATA
      ? `${process.env.DLAKIT_DATA}/${name}`
      : fileURLToPath(new URL(`../../data/${name}`, import.meta.url)),
  );

let images: Promise<DataSet> | undefined;
let loaded: { readonly key: string; readonly session: NetworkSession; readonly close: () => Promise<void> } | undefined;

async function sessionOf({ key, loadable }: ClassifyJob): Promise<NetworkSession> {
  if (loaded?.key === key) return loaded.session;
  await loaded?.close();
  loaded = undefined;
  const network = decodeLoadable(loadable);
  const device = await openDevice({ target: network.plan.target, engines: 'wasm' });
  const session = await loadNetwork(device, network);
  const close = async () => {
    await session.close();
    device.close();
  };
  loaded = { key, session, close };
  return session;
}

async function classify(job: ClassifyJob): Promise<Uint8Array> {
  const recipe = fashionModel(job.recipe);
  if (!recipe) throw new Error(`no recipe ${job.recipe}`);
  images ??= data('fashion-mnist-test-images.idx3.gz').then((bytes) => idxDataSet(bytes, undefined));
  const all = await images;
  const part: DataSet = {
    ...all,
    size: job.to - job.from,
    sample: (index) => all.sample(job.from + index),
  };
  const session = await sessionOf(job);
  const { plan } = session;
  const { shape } = plan.tensors.find(({ name }) => name === recipe.input.name)!;
  const input = { name: recipe.input.name, shape, preprocess: recipe.preprocess };
  const classes: number[] = [];
  for await (const { inputs, labels } of batches(part, input)) {
    const scores = (await session.run(inputs)).outputs[recipe.output]!;
    const values = float32Values(scores);
    const width = elementCount(scores.shape) / plan.batch;
    for (const index of labels.keys()) classes.push(bestOf(values.subarray(index * width, (index + 1) * width)));
  }
  return Uint8Array.from(classes);
}

process.on('message', async (job: ClassifyJob) => {
  let reply: ClassifyReply;
  try {
    reply = { id: job.id, classes: await classify(job) };
  } catch (error) {
    reply = { id: job.id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  process.send!(reply);
});
