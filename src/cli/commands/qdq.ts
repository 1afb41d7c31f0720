/** `dla qdq`: quantized networks to plain ones with files of scales, as NVIDIA's translator writes them, and the other way. */

import { basename, join } from 'node:path';
import { Command, Option } from 'commander';
import { fail } from '../../base/errors.ts';
import type { Graph } from '../../graph/graph.ts';
import { preprocessFile, writePreprocess } from '../../graph/preprocess.ts';
import { writeFiles } from '../../host/node/files.ts';
import {
  compile,
  explicitNetwork,
  prepare,
  type TranslatedQuantization,
  translateQuantization,
  writeModel,
} from '../../index.ts';
import { coverageText } from '../../report/coverage-text.ts';
import { printable } from '../../report/table.ts';
import { scalesText } from '../compile-flags.ts';
import type { Context } from '../context.ts';
import { printPreprocess } from '../data-flags.ts';
import { readNetworkFile } from '../network-file.ts';
import { positiveInteger, refuse, withShapes, withTarget } from '../options.ts';
import { calibrationOf } from '../preprocess-flags.ts';

interface Flags {
  readonly target: string;
  readonly release?: string;
  readonly shapes?: string;
  readonly batch?: number;
  readonly asymmetric: 'keep' | 'requantize' | 'clip';
  readonly input_onnx_models?: readonly string[];
  readonly output?: string;
  readonly output_dir?: string;
  readonly trt_calib_version?: number;
  readonly infer_average_pool_scales?: true;
  readonly infer_mul_scales?: true;
  readonly addtl_ops_to_infer_adjacent_scales?: readonly string[];
  readonly add_unary_ew_scales_for_dla?: true;
  readonly infer_concat_scales?: true;
  readonly rename_node_outputs?: true;
  readonly verbose?: true;
  readonly calibration_type: 'max' | 'histogram';
  readonly explicit?: true;
  readonly calib?: string;
}

export const qdqCommand = (context: Context): Command =>
  withShapes(withTarget(new Command('qdq')))
    .description(
      'Translate quantized networks (Q/DQ, QLinear…) for TensorRT up to 10: plain ONNX, calibration cache, precisions of layers.',
    )
    .argument('[model.onnx...]')
    .option('-i, --input_onnx_models <model.onnx...>', 'the same, as NVIDIA’s translator has it')
    .option('--output <folder>', 'receives four files for each model (default: ./translated)')
    .option('-o, --output_dir <folder>', 'the same, as NVIDIA’s translator has it')
    .option('--trt_calib_version <n>', 'in the first line of the cache (default: that of the release)', positiveInteger)
    .option('--infer_average_pool_scales', 'an average without a scale has that of what it averages')
    .option('--infer_concat_scales', 'a Concat has the largest scale of its inputs, which it has here anyway')
    .option('--infer_mul_scales', 'a product without a scale has the product of the ranges, a Sigmoid 1')
    .option('--addtl_ops_to_infer_adjacent_scales <op...>', 'further operators that hand their scale on')
    .option(
      '--add_unary_ew_scales_for_dla',
      'give the result of a convolution before an Add, where it has no scale, the scale 1: DLA software from 3.13 on adds it within the launch',
    )
    .option('--rename_node_outputs', 'tensors, outputs of the network too, get the names of the nodes that make them')
    .option('--verbose', 'also print every scale')
    .addOption(
      new Option('--calibration_type <type>', 'how weights were quantized; max: say where that is not so')
        .choices(['max', 'histogram'])
        .default('max'),
    )
    .option(
      '--explicit',
      'the other way: write a strongly typed ONNX with Q/DQ on every tensor, for TensorRT from 11 on',
    )
    .option('--calib <file>', 'with --explicit: the ranges of the tensors; a quantized network states its own')
    .addHelpText(
      'after',
      `
Scales go on through MaxPool, Relu, Clip, Pad, Concat and what only moves elements, never onto an output of the network.

Examples:
  dla qdq resnet50_qat.onnx --output translated/ --add_unary_ew_scales_for_dla
  dla qdq model.onnx --asymmetric requantize --release "JetPack 5.1.1" --output translated/
  dla qdq net.onnx --explicit --calib net.cache --output explicit/`,
    )
    .action(async (given: readonly string[], flags: Flags, command: Command) => {
      const models = [...given, ...(flags.input_onnx_models ?? [])];
      if (models.length === 0) fail('cli/usage', 'no network is named');
      if (flags.output !== undefined && flags.output_dir !== undefined)
        fail('cli/usage', '--output and --output_dir both name the folder; one of them is wanted');
      const folder = flags.output ?? flags.output_dir ?? './translated';
      if (flags.explicit) refuse(command, translating, 'goes without --explicit');
      else refuse(command, ['calib'], 'goes with --explicit');
      const files: [string, Uint8Array | string][] = [];
      for (const model of models) {
        const graph = await readNetworkFile(model, flags);
        if (flags.explicit) {
          const { bytes, preprocess, text } = await explicitFile(model, graph, flags, context);
          context.print(`${printable(basename(model))}: Q/DQ on every tensor${text}`);
          printPreprocess(preprocess, context);
          const path = join(folder, `${graph.name}_explicit.onnx`);
          files.push([path, bytes], [preprocessFile(path), writePreprocess(preprocess)]);
          continue;
        }
        const operators = flags.addtl_ops_to_infer_adjacent_scales;
        const translated = translateQuantization(graph, {
          ...flags,
          name: basename(model).replace(/\.onnx$/, ''),
          ...(flags.trt_calib_version !== undefined && { cacheVersion: flags.trt_calib_version }),
          averagePools: flags.infer_average_pool_scales === true,
          products: flags.infer_mul_scales === true,
          ...(operators && { operators: new Set(operators) }),
          nameAfterNodes: flags.rename_node_outputs === true,
          addUnaryScales: flags.add_unary_ew_scales_for_dla === true,
        });
        if (!translated) {
          fail(
            'onnx/graph',
            'the network has no QuantizeLinear, DequantizeLinear or operator on int8 that could be translated',
            {
              file: model,
            },
          );
        }
        context.print(told(model, translated, flags, context));
        for (const [name, contents] of translated.files) files.push([join(folder, name), contents]);
      }
      const [twice] = files.find(([name], index) => files.findIndex(([other]) => other === name) < index) ?? [];
      if (twice !== undefined) fail('cli/usage', 'two networks would be written to the same file', { file: twice });
      await context.checkpoint();
      await writeFiles(files);
      for (const [name] of files) context.note(`wrote ${name}`);
    });

/** The flags of the way from Q/DQ. */
const translating: readonly (keyof Flags)[] = [
  'trt_calib_version',
  'infer_average_pool_scales',
  'infer_mul_scales',
  'addtl_ops_to_infer_adjacent_scales',
  'add_unary_ew_scales_for_dla',
  'infer_concat_scales',
  'rename_node_outputs',
  'verbose',
  'calibration_type',
];

async function explicitFile(model: string, graph: Graph, flags: Flags, context: Context) {
  const calibration = await calibrationOf(model, flags.calib);
  const compilation = compile(prepare(graph, flags), { ...flags, ...calibration });
  const told = scalesText(compilation, context);
  const { preprocess } = compilation.network.plan;
  return { bytes: writeModel(explicitNetwork(compilation)), preprocess, text: told === '' ? '' : `\n${told}` };
}

function told(
  model: string,
  { coverage, requantized, nodes, kept, scales: written }: TranslatedQuantization,
  { calibration_type: type, verbose }: Flags,
  { text }: Context,
): string {
  const lines = [`${printable(basename(model))}: ${nodes} nodes of quantization translated`];
  const scales = coverageText(coverage, [], text);
  if (scales !== '') lines.push(scales);
  if (kept.length > 0) {
    const shown = kept.slice(0, 5).map(printable).join(', ');
    lines.push(
      `  stay as they are, and the DLA refuses them (dla check says why): ${shown}${kept.length > 5 ? ', …' : ''}`,
    );
  }
  if (requantized.length > 0 && type === 'max') {
    const shown = requantized.slice(0, 5).map(printable).join(', ');
    const more = requantized.length > 5 ? ', …' : '';
    lines.push(`  TensorRT will round these weights otherwise, since no integer of a channel is 127: ${shown}${more}`);
  }
  if (verbose) for (const [value, scale] of written) lines.push(`  ${printable(value)}: ${scale}`);
  return lines.join('\n');
}
