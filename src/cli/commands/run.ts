/** `dla run`: a loadable on the emulated device, on images or on raw tensors. */

import { join } from 'node:path';
import { Command } from 'commander';
import { batches } from '../../evaluate/data-set.ts';
import { fail } from '../../graph/errors.ts';
import { elementCount, elementSize, type Tensor } from '../../graph/tensor.ts';
import { readBytes, writeFiles } from '../../host/node/files.ts';
import { nodeOnnxRuntime } from '../../host/node/onnxruntime.ts';
import { decodeLoadable } from '../../loadable/container.ts';
import type { Plan } from '../../program/program.ts';
import { formatTime, grouped, printable, table } from '../../report/table.ts';
import { compareRuns, type Dump } from '../../runtime/dump.ts';
import { loadNetwork, type RunResult } from '../../runtime/network.ts';
import type { Context } from '../context.ts';
import { type DataFlags, readDataSet, withFit } from '../data-flags.ts';
import { type EngineFlags, openNodeDevice, withEngines } from '../open-device.ts';

interface Flags extends EngineFlags {
  readonly target: string;
  readonly images?: string;
  readonly fit: DataFlags['fit'];
  readonly input?: readonly string[];
  readonly dump?: string | true;
  readonly compare?: true;
  readonly output?: string;
}

export const runCommand = (context: Context): Command =>
  withFit(withEngines(new Command('run')))
    .description('Run a loadable bit-exactly on the emulated DLA.')
    .argument('<loadable.dla>')
    .option('--target <name>', 'refuse a loadable made for another target', 'orin')
    .option('--images <path>', 'the first batch of an IDX file or of a folder of images')
    .option('--input <name=file...>', 'raw little-endian elements of an input, in its own type and shape')
    .option('--dump [names]', 'write every tensor, or those named (separated by commas), to --output')
    .option('--compare', 'run the scalar reference too and name the first tensor that differs')
    .option('--output <folder>', 'receives one .bin for each output and dumped tensor, and tensors.json')
    .addHelpText(
      'after',
      `
Examples:
  dla run fashion-resnet20.dla --images data/fashion-mnist-test-images.idx3.gz --output out/
  dla run net.dla --input image=image.bin --dump conv1,logits --output out/
  dla run net.dla --images photos/ --fit crop --compare`,
    )
    .action(async (file: string, flags: Flags) => {
      const network = decodeLoadable(await readBytes(file), { file, target: flags.target });
      const { plan } = network;
      if (flags.images !== undefined && flags.input !== undefined)
        fail('cli/usage', '--images and --input both give the input; one of them is wanted');
      if (flags.dump !== undefined && flags.output === undefined) fail('cli/usage', '--dump needs --output');
      const inputs = await readInputs(plan, flags);
      const hasHost = plan.segments.some((segment) => segment.kind === 'host');
      const runtime = hasHost ? await nodeOnnxRuntime() : undefined;
      const dump = flags.compare || flags.dump === true ? 'all' : flags.dump?.split(',');
      const runOn = async (engines: EngineFlags['engines'], label: string): Promise<RunResult> => {
        const device = await openNodeDevice(plan.target, { ...flags, engines });
        let progress: ReturnType<Context['progress']> | undefined;
        try {
          const session = await loadNetwork(device, network, runtime);
          try {
            return await session.run(inputs, {
              dump,
              signal: context.signal,
              onProgress: ({ done, total }) => {
                progress ??= context.progress(label, total);
                progress.update(done);
              },
            });
          } finally {
            await session.close();
          }
        } finally {
          progress?.stop();
          await device.close();
        }
      };
      const started = performance.now();
      const result = await runOn(flags.engines, 'running');
      const { launches, macs, saturated } = result.counters;
      context.print(
        `${plan.network}: ${launches} launches, ${grouped(macs)} MACs, ${grouped(saturated)} results saturated, ${formatTime((performance.now() - started) * 1000)} of emulation`,
      );
      context.print(outputsText(plan, result, context));
      if (flags.compare) compareWith(result, await runOn('reference', 'reference'), context);
      if (flags.output !== undefined)
        await writeTensors(flags.output, plan, result, flags.dump === undefined ? [] : result.dumps, context);
    });

function compareWith(result: RunResult, reference: RunResult, context: Context): void {
  const difference = compareRuns(result, reference);
  if (!difference) {
    context.print(`all ${result.dumps.length} tensors equal the scalar reference`);
    return;
  }
  const { name, layer, at, a, b } = difference;
  fail(
    'run/difference',
    'a tensor differs from the scalar reference',
    { value: name, ...(layer !== undefined && { layer }) },
    {
      expected: b,
      actual: at ? `${a} at [${at.join(', ')}]` : a,
    },
  );
}

async function readInputs(plan: Plan, flags: Flags): Promise<Record<string, Tensor>> {
  const tensors = new Map(plan.tensors.map((tensor) => [tensor.name, tensor]));
  if (flags.images !== undefined) {
    const [name] = plan.inputs;
    const tensor = tensors.get(name ?? '');
    if (name === undefined || !tensor || plan.inputs.length > 1) {
      return fail('run/input', 'images feed a network with one input', {}, { expected: 1, actual: plan.inputs.length });
    }
    const dataSet = await readDataSet({ images: flags.images });
    const input = {
      name,
      shape: tensor.shape,
      ...(plan.preprocess && { preprocess: plan.preprocess }),
      fit: { kind: flags.fit },
    };
    for await (const batch of batches(dataSet, input, { limit: plan.batch })) return batch.inputs;
    return fail('evaluate/data-set', 'there are no images', { file: flags.images });
  }
  const files = new Map(
    (flags.input ?? []).map((text) => {
      const at = text.indexOf('=');
      if (at < 1) fail('cli/usage', '--input wants name=file', {}, { actual: text });
      return [text.slice(0, at), text.slice(at + 1)] as const;
    }),
  );
  const inputs: Record<string, Tensor> = {};
  for (const [name, path] of files) {
    const tensor = tensors.get(name);
    if (!tensor || !plan.inputs.includes(name)) {
      fail('run/input', 'the network has no input of that name', { value: name }, { expected: plan.inputs.join(', ') });
    }
    const bytes = await readBytes(path);
    const expected = elementCount(tensor.shape) * elementSize[tensor.dtype];
    if (bytes.length !== expected) {
      fail(
        'run/input',
        'the file has another size than the input',
        { file: path, value: name },
        {
          expected: `${expected} bytes (${tensor.dtype} ${tensor.shape.join('×')})`,
          actual: `${bytes.length} bytes`,
        },
      );
    }
    inputs[name] = { dtype: tensor.dtype, shape: tensor.shape, bytes };
  }
  return inputs;
}

function outputsText(plan: Plan, result: RunResult, context: Context): string {
  const rows = plan.outputs.map((name) => {
    const tensor = result.outputs[name]!;
    return [printable(name), tensor.dtype, tensor.shape.join('×'), preview(tensor)];
  });
  return table(
    [{ title: 'output' }, { title: 'type' }, { title: 'shape' }, { title: 'first values' }],
    rows,
    context.text,
  );
}

function preview(tensor: Tensor): string {
  if (tensor.dtype !== 'float32') return `${tensor.bytes.length} bytes`;
  const view = new DataView(tensor.bytes.buffer, tensor.bytes.byteOffset, tensor.bytes.byteLength);
  const count = Math.min(10, tensor.bytes.length / 4);
  return Array.from({ length: count }, (_, index) => view.getFloat32(index * 4, true).toFixed(3)).join(' ');
}

async function writeTensors(
  folder: string,
  plan: Plan,
  result: RunResult,
  dumps: readonly Dump[],
  context: Context,
): Promise<void> {
  const all: readonly Dump[] = [
    ...plan.outputs.map((name) => ({ name, tensor: result.outputs[name]!, segment: 'output' })),
    ...dumps,
  ];
  const entries = all.map(({ name, tensor, scale, segment, layer }, index) => ({
    file: `${String(index).padStart(4, '0')}-${name.replace(/[^A-Za-z0-9_.-]+/g, '_').slice(0, 80)}.bin`,
    name,
    dtype: tensor.dtype,
    shape: tensor.shape,
    ...(scale !== undefined && { scale }),
    segment,
    ...(layer !== undefined && { layer }),
  }));
  await writeFiles([
    ...all.map(({ tensor }, index) => [join(folder, entries[index]!.file), tensor.bytes] as const),
    [join(folder, 'tensors.json'), `${JSON.stringify(entries, null, 2)}\n`],
  ]);
  context.note(`wrote ${all.length} tensors to ${folder}`);
}
