import { describe, expect, it } from 'vitest';
import type { DataType, Precision } from '../base/data-type.ts';
import { DlakitError } from '../base/errors.ts';
import type { Graph } from '../graph/graph.ts';
import { float32Tensor } from '../graph/tensor.ts';
import { findRelease, findTarget } from '../targets/find.ts';
import type { Release } from '../targets/target.ts';
import { check } from './check.ts';
import { loadableLimit } from './consequences.ts';
import { operators, reach } from './operators.ts';
import type { CheckOptions } from './rule.ts';
import { cbufNeed } from './rules/convolution.ts';
import { rules } from './rules.ts';
import { convolution, network, scalar, single } from './testing/network.ts';

const orin = findTarget('orin');
const on = (release?: string, precision: Precision = 'int8') => ({
  target: orin,
  release: findRelease(orin, release),
  precision,
});
const image = [1, 8, 16, 16] as const;

describe('operators', () => {
  it.each([
    ['Div', 'JetPack 6.0', 'rfe'],
    ['Div', 'DRIVE OS 6.0.9.0', 'native'],
    ['Conv', 'JetPack 5.1.1', 'native'],
    ['HardSwish', 'JetPack 6.0', 'rfe'],
    ['Neg', 'JetPack 6.0', 'reconstruction'],
    ['Shape', 'JetPack 6.0', 'build-time'],
    ['NoSuchOperator', 'JetPack 6.0', 'rfe'],
    ['constructor', 'JetPack 6.0', 'rfe'],
    ['__proto__', 'JetPack 6.0', 'rfe'],
  ])('%s on %s is %s', (op, release, expected) => {
    expect(reach(op, findRelease(orin, release))).toBe(expected);
  });

  it.each(['constructor', '__proto__', 'hasOwnProperty', 'NoSuchOperator'])(
    'sends an operator called %s to the GPU',
    (op) => {
      const { verdicts } = check(single(op, { x: image, y: image }), on());
      expect(verdicts).toMatchObject([{ placement: 'gpu' }]);
    },
  );

  it('lists each operator once', () => {
    expect(new Set(operators.map(({ op }) => op)).size).toBe(operators.length);
  });

  it('has a rule of its own for every operator that can be native and has limits', () => {
    const limited = operators.filter(({ tensorrt }) => tensorrt.how === 'native').map(({ op }) => op);
    const free = limited.filter((op) => !rules.some((rule) => rule.operators?.includes(op)));
    // Constants are folded.
    expect(free).toEqual(['Constant']);
  });

  it('has no rule for an operator that is never native', () => {
    const never = operators.filter(({ tensorrt }) => tensorrt.how !== 'native').map(({ op }) => op);
    // GlobalAveragePool is the open NVDLA's; the rules of quantization say why the matrix has none.
    const matrix = rules.filter(({ id }) => !/^(nvdla|quantization)\//.test(id));
    const named = matrix.flatMap((rule) => rule.operators ?? []);
    expect(never.filter((op) => named.includes(op))).toEqual([]);
    expect(named.filter((op) => !operators.some((item) => item.op === op))).toEqual([]);
  });
});

describe('no-rule', () => {
  const refusalOf = (graph: Graph, release?: string) => check(graph, on(release)).verdicts[0]!.refusals[0]!;

  it('says what the matrix says, and how to write the operator with others', () => {
    expect(refusalOf(single('HardSwish', { x: image, y: image }))).toMatchInlineSnapshot(`
      {
        "doc": "No rule lets the operator onto the DLA in this release: it runs on the GPU.",
        "fix": {
          "advice": "Write it as Add 3, Clip to 0…6, Mul with its input and Mul by 1/6.",
        },
        "message": "node: HardSwish through TensorRT 8.6.2: not offered; in the DLA's own software: native since DLA 3.14.0 [no-rule]",
        "rule": "no-rule",
        "source": "NVIDIA/Deep-Learning-Accelerator-SW @ ea61780, operators/README.md",
        "values": {
          "dlaSoftware": "native since DLA 3.14.0",
          "limit": "native in TensorRT 8.6.2",
          "operator": "HardSwish",
          "value": "not offered",
        },
      }
    `);
  });

  it('names the TensorRT that has it', () => {
    const graph = network({
      shapes: { a: image, b: image, y: image },
      nodes: [{ op: 'Div', inputs: ['a', 'b'], outputs: ['y'] }],
    });
    expect(refusalOf(graph).values.value).toBe('native since TensorRT 8.6.12');
    expect(check(graph, on('DRIVE OS 6.0.9.1')).verdicts[0]!.placement).toBe('dla');
  });

  it('refuses operators of other domains and unknown operators', () => {
    const plugin = network({
      shapes: { x: image, y: image },
      nodes: [{ op: 'Relu', domain: 'com.example', inputs: ['x'], outputs: ['y'] }],
    });
    expect(refusalOf(plugin).values).toMatchObject({ operator: 'com.example.Relu', value: 'not listed' });
    expect(refusalOf(single('Einsum', { x: image, y: image })).values.value).toBe('not listed');
  });

  it.each([
    [[8, 8], 'Use an AveragePool with a 8×8 window.'],
    [[7, 1], 'Use an AveragePool with a 7×1 window.'],
    [[14, 14], 'Use AveragePools in a row, with windows 7×7 and 2×2 and equal strides.'],
    [[9, 8], 'Use AveragePools in a row, with windows 3×8 and 3×1 and equal strides.'],
    [[64, 64], 'Use AveragePools in a row, with windows 8×8 and 8×8 and equal strides.'],
    [[17, 17], 'Use a depthwise convolution with a 17×17 kernel of 1/289.'],
    [[80, 80], 'Use AveragePools in a row, with windows 5×5, 4×4 and 4×4 and equal strides.'],
  ])('advises on a global average of %j', (size, advice) => {
    const graph = single('GlobalAveragePool', { x: [1, 8, ...size], y: [1, 8, 1, 1] });
    expect(refusalOf(graph).fix).toEqual({ advice });
  });

  it('advises another map where no pools cover it', () => {
    const { fix } = refusalOf(single('GlobalAveragePool', { x: [1, 8, 67, 8], y: [1, 8, 1, 1] }));
    expect(fix).toEqual({ advice: expect.stringContaining('Make the 67×8 map one that') });
  });
});

describe('the convolution buffer test', () => {
  it.each([
    // NVIDIA/TensorRT#3499: 512 → 256, 3×3, on 80×160.
    ['int8', 512, 160, 3, { weightBanks: 1, dataBanks: 8 }],
    ['float16', 512, 160, 3, { weightBanks: 1, dataBanks: 15 }],
    // conv1 of ResNet-50.
    ['int8', 3, 224, 7, { weightBanks: 1, dataBanks: 2 }],
  ] as const)('%s, %i channels, width %i, kernel %i', (precision, channels, width, kernel, expected) => {
    expect(cbufNeed({ channels, width, kernel: [kernel, kernel], dilation: 1 }, precision)).toEqual(expected);
  });

  it('warns at the very limit', () => {
    const graph = convolution({ channels: 512, kernels: 256, size: [80, 160], attributes: { pads: [1, 1, 1, 1] } });
    const [verdict] = check(graph, on('JetPack 6.0', 'float16')).verdicts;
    expect(verdict!.placement).toBe('dla');
    expect(verdict!.warnings.join()).toContain(
      'convolution/cbuf-risky: 1 for one kernel + 15 for the input rows = 16 banks',
    );
  });

  it('refuses from TensorRT 8.6 on and warns before', () => {
    const graph = convolution({ channels: 512, size: [80, 400] });
    expect(check(graph, on('JetPack 6.0')).verdicts[0]!.placement).toBe('gpu');
    const before = check(graph, on('JetPack 5.1.1')).verdicts[0]!;
    expect(before.placement).toBe('dla');
    expect(before.warnings.join()).toMatch(/convolution\/cbuf: .*this TensorRT does not test it/);
  });
});

describe('build-time nodes', () => {
  const placements = (graph: Graph) => check(graph, on()).verdicts.map(({ node, placement }) => `${node}:${placement}`);

  it('are those that hand on, depend on constants only, or feed nobody', () => {
    const graph = network({
      shapes: { x: image, i: image, d: image, s: [4], c: [4], y: image, unused: image, k: [8, 1, 1], k2: [8, 1, 1] },
      dtypes: { s: 'int64', c: 'int64' },
      constants: { w: [8, 1, 1] },
      outputs: ['y'],
      nodes: [
        { op: 'Identity', inputs: ['x'], outputs: ['i'] },
        { op: 'Dropout', inputs: ['i'], outputs: ['d'] },
        { op: 'Shape', inputs: ['x'], outputs: ['s'] },
        { op: 'Cast', inputs: ['s'], outputs: ['c'], attributes: { to: 7 } },
        { op: 'Sqrt', inputs: ['w'], outputs: ['k'] },
        { op: 'Softplus', inputs: ['k'], outputs: ['k2'] },
        { op: 'Relu', inputs: ['x'], outputs: ['unused'] },
        { op: 'Mul', inputs: ['d', 'k2'], outputs: ['y'] },
      ],
    });
    expect(placements(graph)).toEqual([
      'Identity_0:build-time',
      'Dropout_1:build-time',
      'Shape_2:build-time',
      'Cast_3:build-time',
      'Sqrt_4:build-time',
      'Softplus_5:build-time',
      'Relu_6:build-time',
      'Mul_7:dla',
    ]);
    expect(check(graph, on()).verdicts[6]!.warnings).toEqual(['nothing reads its result']);
  });

  it('are not those that train or give a mask', () => {
    const training = network({
      shapes: { x: image, y: image },
      constants: { ratio: scalar(0.5), t: { dtype: 'bool', shape: [], bytes: Uint8Array.of(1) } },
      nodes: [{ op: 'Dropout', inputs: ['x', 'ratio', 't'], outputs: ['y'] }],
    });
    expect(placements(training)).toEqual(['Dropout_0:gpu']);
    const random = network({ shapes: { y: image }, nodes: [{ op: 'RandomNormal', inputs: [], outputs: ['y'] }] });
    expect(placements(random)).toEqual(['RandomNormal_0:gpu']);
  });
});

describe('check', () => {
  it('counts the multiply-accumulates on the DLA', () => {
    const graph = network({
      shapes: { x: image, a: image, b: image, y: image },
      constants: { w: [8, 8, 1, 1], v: [8, 8, 33, 1] },
      nodes: [
        { op: 'Conv', inputs: ['x', 'w'], outputs: ['a'] },
        { op: 'Conv', inputs: ['a', 'v'], outputs: ['b'], attributes: { pads: [16, 0, 16, 0] } },
        { op: 'Conv', inputs: ['b', 'w'], outputs: ['y'] },
      ],
    });
    const one = 16 * 16 * 8 * 8;
    const result = check(graph, on());
    expect(result.macs).toEqual({ total: one * 35, dla: one * 2 });
    expect(result.segments.map(({ kind, macs }) => [kind, macs])).toEqual([
      ['dla', one],
      ['gpu', one * 33],
      ['dla', one],
    ]);
  });

  it('has a verdict for every node, in order, with reasons exactly for those on the GPU', () => {
    const graph = network({
      shapes: { x: image, a: image, b: image, y: image },
      nodes: ['Relu', 'Erf', 'Tanh'].map((op, index) => ({
        op,
        inputs: [['x', 'a', 'b'][index]!],
        outputs: [['a', 'b', 'y'][index]!],
      })),
    });
    const { verdicts } = check(graph, on());
    expect(verdicts.map(({ op, placement, refusals }) => [op, placement, refusals.length])).toEqual([
      ['Relu', 'dla', 0],
      ['Erf', 'gpu', 1],
      ['Tanh', 'dla', 0],
    ]);
  });

  it('reports every rule that refuses', () => {
    const graph = convolution({
      kernel: [33, 33],
      size: [99, 99],
      attributes: { strides: [9, 9], pads: [33, 0, 0, 0] },
    });
    expect(check(graph, on()).verdicts[0]!.refusals.map(({ rule }) => rule)).toEqual([
      'convolution/kernel',
      'convolution/stride',
      'convolution/padding',
      'convolution/padding-kernel',
    ]);
  });

  it('keeps a comparison and the Cast behind it together', () => {
    const compared = (to: DataType, op = 'Equal') =>
      network({
        shapes: { a: image, b: image, c: image, y: image },
        dtypes: { c: 'bool', y: to },
        nodes: [
          { op, inputs: ['a', 'b'], outputs: ['c'], name: 'compare' },
          { op: 'Cast', inputs: ['c'], outputs: ['y'], name: 'cast', attributes: { to: to === 'int8' ? 3 : 10 } },
        ],
      });
    const rules = (graph: Graph, release?: string) =>
      check(graph, on(release)).verdicts.map(({ placement, refusals }) => [
        placement,
        ...refusals.map(({ rule }) => rule),
      ]);
    expect(rules(compared('int8'))).toEqual([['dla'], ['dla']]);
    // JetPack 6.0 has no Greater.
    expect(rules(compared('int8', 'Greater'))).toEqual([
      ['gpu', 'no-rule'],
      ['gpu', 'comparison/pair'],
    ]);
    expect(rules(compared('int8', 'Greater'), 'DRIVE OS 6.0.9.0')).toEqual([['dla'], ['dla']]);
    expect(rules(compared('float32'))).toEqual([
      ['gpu', 'comparison/cast'],
      ['gpu', 'comparison/pair'],
    ]);
  });

  it('knows what the open NVDLA has no unit for', () => {
    const target = findTarget('nv_small');
    const options = { target, release: findRelease(target), precision: 'int8' } as const;
    const [verdict] = check(single('Softmax', { x: image, y: image }), options).verdicts;
    expect(verdict?.placement).toBe('host');
    expect(verdict?.refusals.map(({ message }) => message)).toEqual([
      'node: Softmax: no unit of nv_small computes it [nvdla/unit]',
    ]);
    expect(check(single('Relu', { x: image, y: image }), options).verdicts[0]?.placement).toBe('dla');
  });

  it('counts what only a subgraph reads as used', () => {
    const pool = (used: boolean): Graph => {
      const plain = network({
        shapes: { x: [1, 8, 16, 16], y: [1, 8, 8, 8], i: [1, 8, 8, 8], z: [1, 8, 8, 8] },
        dtypes: { i: 'int64', z: 'int64' },
        nodes: [
          {
            op: 'MaxPool',
            inputs: ['x'],
            outputs: ['y', 'i'],
            attributes: { kernel_shape: [2, 2], strides: [2, 2] },
          },
          { op: 'If', inputs: ['c'], outputs: ['z'] },
        ],
      });
      const inner = network({ shapes: { r: [1, 8, 8, 8] }, nodes: [{ op: 'Abs', inputs: ['i'], outputs: ['r'] }] });
      const attributes = { then_branch: { kind: 'graph', value: inner } as const };
      return {
        ...plain,
        outputs: ['y', 'z'],
        nodes: [plain.nodes[0]!, { ...plain.nodes[1]!, ...(used && { attributes }) }],
      };
    };
    const refused = (graph: Graph) => check(graph, on()).verdicts[0]!.refusals.map(({ rule }) => rule);
    expect(refused(pool(true))).toContain('pooling/indices');
    expect(refused(pool(false))).not.toContain('pooling/indices');
  });

  it('survives nodes without inputs, attributes or types', () => {
    const nvSmall = findTarget('nv_small');
    const open = { target: nvSmall, release: findRelease(nvSmall), precision: 'int8' } as const;
    for (const { op } of operators) {
      const bare = network({ shapes: {}, nodes: [{ op, inputs: [], outputs: ['y'] }] });
      expect(judgedOrRefused(bare, on()), op).toBe(true);
      expect(judgedOrRefused(bare, open), op).toBe(true);
      const untyped = network({ shapes: {}, nodes: [{ op, inputs: ['x', '', 'z'], outputs: ['y', ''] }] });
      expect(judgedOrRefused(untyped, on()), op).toBe(true);
      expect(judgedOrRefused(untyped, open), op).toBe(true);
      const empty = network({
        shapes: { x: [], y: [] },
        constants: { c: float32Tensor([], [0]) },
        nodes: [{ op, inputs: ['x', 'c'], outputs: ['y'] }],
      });
      expect(judgedOrRefused(empty, on('DRIVE OS 6.0.9.1')), op).toBe(true);
      expect(judgedOrRefused(empty, open), op).toBe(true);
    }
  });

  /** A node that breaks its operator's specification (a Concat without an axis) is a user's mistake, not a bug. */
  function judgedOrRefused(graph: Graph, options: CheckOptions): boolean {
    try {
      return check(graph, options).verdicts.length === 1;
    } catch (error) {
      return error instanceof DlakitError && ['onnx/graph', 'shape/mismatch'].includes(error.problem.code);
    }
  }
});

describe('loadables', () => {
  /** `count` convolutions of 1…count channels, each followed by an operator that only the GPU has. */
  const alternating = (count: number) => {
    const shapes: Record<string, readonly number[]> = { v0: [1, 1, 4, 4] };
    const constants: Record<string, readonly number[]> = {};
    const nodes = Array.from({ length: count }, (_, index) => {
      constants[`w${index}`] = [index + 1, index === 0 ? 1 : index, 1, 1];
      shapes[`c${index}`] = [1, index + 1, 4, 4];
      shapes[`v${index + 1}`] = [1, index + 1, 4, 4];
      return [
        { op: 'Conv', name: `conv${index}`, inputs: [`v${index}`, `w${index}`], outputs: [`c${index}`] },
        { op: 'Erf', name: `erf${index}`, inputs: [`c${index}`], outputs: [`v${index + 1}`] },
      ];
    });
    return network({ shapes, constants, nodes: nodes.flat() });
  };
  const release = (tensorrt: Release['tensorrt']): Release => ({ name: 'test', tensorrt, dla: [3, 0, 0] });

  it.each([
    [[8, 6, 2], 16],
    [[8, 5, 0], 16],
    [[8, 4, 1], 4],
    [[8, 2, 0], 4],
    [[7, 1, 3], 8],
  ] as const)('TensorRT %j holds %i', (version, limit) => {
    expect(loadableLimit(findTarget('orin'), release(version))).toBe(limit);
  });

  it('cuts for the open NVDLA without a limit of loadables', () => {
    const target = findTarget('nv_small');
    const { segments, notes } = check(alternating(20), { target, release: findRelease(target), precision: 'int8' });
    expect(segments.filter(({ kind }) => kind === 'dla')).toHaveLength(20);
    expect(notes).toEqual([]);
  });

  it('leaves to the host what only the host of an open NVDLA feeds and reads, unless it convolves', () => {
    const target = findTarget('nv_small');
    const between = (op: 'Relu' | 'Conv') =>
      network({
        shapes: { x: image, a: image, b: image, y: image },
        constants: { w: [8, 8, 1, 1] },
        nodes: [
          { op: 'Erf', inputs: ['x'], outputs: ['a'] },
          { op, name: 'middle', inputs: op === 'Relu' ? ['a'] : ['a', 'w'], outputs: ['b'] },
          { op: 'Erf', inputs: ['b'], outputs: ['y'] },
        ],
      });
    const refusals = (graph: Graph) =>
      check(graph, { target, release: findRelease(target), precision: 'int8' }).verdicts[1]!.refusals;
    expect(refusals(between('Conv'))).toEqual([]);
    expect(refusals(between('Relu'))).toMatchObject([
      {
        rule: 'nvdla/detour',
        message:
          'middle: {ForeignNode[middle]} would be a loadable between parts of the host, and convolves nothing [nvdla/detour]',
        values: { limit: 'a convolution', value: 'none' },
      },
    ]);
  });

  it('keeps 16', () => {
    const { segments, verdicts } = check(alternating(16), on());
    expect(segments.filter(({ kind }) => kind === 'dla')).toHaveLength(16);
    expect(verdicts.flatMap(({ refusals }) => refusals).filter(({ rule }) => rule === 'general/loadables')).toEqual([]);
  });

  it('sends the lightest of 19 back to the GPU', () => {
    const { segments, verdicts, notes } = check(alternating(19), on());
    expect(segments.filter(({ kind }) => kind === 'dla')).toHaveLength(16);
    const demoted = verdicts.filter(({ refusals }) => refusals.some(({ rule }) => rule === 'general/loadables'));
    expect(demoted.map(({ node }) => node)).toEqual(['conv0', 'conv1', 'conv2']);
    expect(demoted[1]!.refusals[0]).toMatchObject({
      message: 'conv1: {ForeignNode[conv1]} is one of 19 loadables, allowed 16 [general/loadables]',
      values: { limit: 16, value: 19, macs: 32 },
    });
    expect(notes[0]).toBe('3 DLA segments went back to the GPU: a core holds 16 loadables');
  });
});
