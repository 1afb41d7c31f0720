import { describe, expect, it } from 'vitest';
import { check, compile, prepare, readNetwork, report } from '../src/index.ts';
import type { GraphProto } from '../src/onnx/proto/onnx.ts';
import { modelFile, nodeProto, tensorProto, valueInfo } from '../src/onnx/testing/files.ts';

const weights = tensorProto({
  name: 'w',
  dims: [4, 3, 3, 3],
  dataType: 1,
  rawData: new Uint8Array(new Float32Array(108).fill(0.125).buffer),
});

/** x → Conv → c, and what the test puts behind. */
const behind = (graph: Pick<GraphProto, 'node' | 'output'> & Partial<GraphProto>): Uint8Array =>
  modelFile(
    {
      initializer: [weights],
      input: [valueInfo('x', [1, 3, 8, 8])],
      ...graph,
      node: [nodeProto('Conv', ['x', 'w'], ['c'], { name: 'conv' }), ...graph.node],
    },
    { opsetImport: [{ version: 17 }, { domain: 'TRT', version: 1 }] },
  );

const verdictsOf = (bytes: Uint8Array) =>
  check(readNetwork(bytes)).verdicts.map(({ node, placement, refusals }) => [
    node,
    placement,
    ...refusals.map(({ rule }) => rule),
  ]);

const nms = nodeProto('EfficientNMS_TRT', ['c'], ['n'], { name: 'nms', domain: 'TRT' });
const relu = (input: string, output: string) => nodeProto('Relu', [input], [output], { name: `relu_${output}` });

describe('a network with an operator that no rule knows', () => {
  it('is judged, and the operator runs on the GPU', () => {
    const bytes = behind({
      node: [relu('c', 'r'), nms],
      output: [valueInfo('r', [1, 4, 6, 6]), valueInfo('n', [1, 100, 4])],
    });
    expect(verdictsOf(bytes)).toEqual([
      ['conv', 'dla'],
      ['relu_r', 'dla'],
      ['nms', 'gpu', 'no-rule'],
    ]);
    const [, , verdict] = check(readNetwork(bytes)).verdicts;
    expect(verdict!.refusals[0]!.values).toMatchObject({ operator: 'TRT.EfficientNMS_TRT', value: 'not listed' });
    // The shapes of everything that crosses are known, so that it compiles too.
    const { network } = compile(prepare(readNetwork(bytes)));
    expect(network.plan.segments.map(({ kind }) => kind)).toEqual(['dla', 'host']);
  });

  it('is judged behind it by what the file declares of its outputs', () => {
    const node = [nms, relu('n', 'y')];
    const declared = behind({
      node,
      valueInfo: [valueInfo('n', [1, 4, 2, 2])],
      output: [valueInfo('y', [1, 4, 2, 2])],
    });
    expect(verdictsOf(declared).at(-1)).toEqual(['relu_y', 'dla']);
    const silent = behind({ node, output: [{ name: 'y' }] });
    expect(verdictsOf(silent).at(-1)).toEqual(['relu_y', 'gpu', 'general/static-shape']);
    const [refusal] = check(readNetwork(silent)).verdicts.at(-1)!.refusals;
    expect(refusal!.fix!.advice).toContain('end the network before it');
    expect(() => compile(prepare(readNetwork(silent)))).toThrow('[shape/unresolved]');
    const network = prepare(readNetwork(behind({ node, output: [valueInfo('y', [1, 4, 2, 2])] })));
    expect(report(network, compile(network)).original.verdicts).toHaveLength(3);
  });

  it('is judged with outputs whose size depends on data', () => {
    const node = [relu('c', 'r'), nodeProto('NonZero', ['r'], ['i'], { name: 'where' })];
    const bytes = behind({ node, output: [valueInfo('r', [1, 4, 6, 6]), valueInfo('i', [4, 'count'], 7)] });
    expect(verdictsOf(bytes)).toEqual([
      ['conv', 'dla'],
      ['relu_r', 'dla'],
      ['where', 'gpu', 'no-rule'],
    ]);
  });

  it.each(['Attention', 'RMSNormalization', 'RotaryEmbedding', 'TensorScatter', 'CumProd', 'LinearAttention'])(
    'is judged with %s of the newest opsets',
    (op) => {
      const bytes = modelFile(
        { node: [nodeProto(op, ['x', 'x', 'x'], ['y'], { name: 'new' })], output: [valueInfo('y', [1, 3])] },
        { opsetImport: [{ version: 27 }] },
      );
      expect(verdictsOf(bytes)).toEqual([['new', 'gpu', 'no-rule']]);
    },
  );

  it('keeps a function of the model on the DLA, since its nodes are what counts', () => {
    const bytes = modelFile(
      {
        node: [nodeProto('Block', ['x'], ['y'], { domain: 'pkg', name: 'block' })],
        input: [valueInfo('x', [1, 3, 8, 8])],
        output: [valueInfo('y', [1, 3, 8, 8])],
      },
      {
        opsetImport: [{ version: 17 }, { domain: 'pkg', version: 1 }],
        functions: [
          {
            name: 'Block',
            domain: 'pkg',
            input: ['a'],
            output: ['b'],
            attribute: [],
            attributeProto: [],
            valueInfo: [],
            opsetImport: [{ version: 17 }],
            node: [nodeProto('Relu', ['a'], ['t']), nodeProto('Sigmoid', ['t'], ['b'])],
          },
        ],
      },
    );
    expect(verdictsOf(bytes)).toEqual([
      ['block/Relu_0', 'dla'],
      ['block/Sigmoid_1', 'dla'],
    ]);
  });
});
