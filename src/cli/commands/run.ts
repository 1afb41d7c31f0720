/** `dla run`: a loadable, dlakit's own or a stock one, on the emulated device, on images or on raw tensors. */

import { Command } from 'commander';
import { fail } from '../../base/errors.ts';
import { readBytes } from '../../host/node/files.ts';
import { nodeOnnxRuntime } from '../../host/node/onnxruntime.ts';
import { decodeLoadable } from '../../loadable/container.ts';
import { isStockLoadable } from '../../loadable/nvdla/format/stock-loadable.ts';
import { loadNetwork, type RunResult } from '../../runtime/network.ts';
import type { Context } from '../context.ts';
import { printPreprocess, requireDataFlags } from '../data-flags.ts';
import { type EngineFlags, enginesOf, openNodeDevice, withEngines } from '../device-flags.ts';
import { type RunFlags, readInputs, withInputs } from '../run-inputs.ts';
import { compareWith, countersText, outputsText, outputTensors, writeTensors } from '../run-outputs.ts';
import { runStock } from '../run-stock.ts';

export const runCommand = (context: Context): Command =>
  withInputs(withEngines(new Command('run')))
    .description('Run a loadable bit-exactly on the emulated DLA.')
    .argument('<loadable>', 'dlakit’s own (.dla), or the open NVDLA’s stock format (.nvdla)')
    .option(
      '--target <name>',
      'refuse a loadable made for another target (default: orin); of a .nvdla that does not say it, what it was made for',
    )
    .option('--dump [names]', 'write every tensor, or those named (separated by commas), to --output')
    .option('--compare', 'run the scalar reference too and name the first tensor that differs')
    .option(
      '--output <folder>',
      'receives one .bin for each output and dumped tensor, and tensors.json; of a .nvdla of others .raw and .dimg',
    )
    .addHelpText(
      'after',
      `
Examples:
  dla run fashion-resnet20.dla --images data/fashion-mnist-test-images.idx3.gz --output out/
  dla run net.dla --input image=image.bin --dump conv1,logits --output out/
  dla run net.dla --images photos/ --fit crop --compare
  dla run net.nvdla --images photos/
  dla run model.nvdla --target nv_small --input 0=surface.raw --output out/`,
    )
    .action(async (file: string, flags: RunFlags, command: Command) => {
      await requireDataFlags(command, flags);
      if (flags.compare && flags.engines === 'reference') {
        fail('cli/usage', '--compare goes with --engines wasm: it runs the scalar reference beside');
      }
      const bytes = await readBytes(file);
      if (isStockLoadable(bytes)) return runStock(bytes, file, flags, context);
      const network = decodeLoadable(bytes, { file, target: flags.target ?? 'orin' });
      const { plan } = network;
      if (flags.dump !== undefined && flags.output === undefined) fail('cli/usage', '--dump needs --output');
      const { inputs, preprocess } = await readInputs(plan, flags);
      const hasHost = plan.segments.some((segment) => segment.kind === 'host');
      const runtime = hasHost ? await nodeOnnxRuntime() : undefined;
      const dump = flags.compare || flags.dump === true ? 'all' : flags.dump?.split(',');
      const runOn = async (engines: EngineFlags['engines'], label: string): Promise<RunResult> => {
        const device = await openNodeDevice(plan.target, enginesOf(flags, engines));
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
      printPreprocess(preprocess, context);
      context.print(countersText(plan.network, result.counters, performance.now() - started));
      context.print(outputsText(plan.outputs, result.outputs, context));
      if (flags.compare) compareWith(result, await runOn('reference', 'reference'), context);
      const dumps = flags.dump === undefined ? [] : result.dumps;
      if (flags.output !== undefined)
        await writeTensors(flags.output, [...outputTensors(plan.outputs, result.outputs), ...dumps], context);
    });
