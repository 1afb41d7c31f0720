import { describe, expect, test } from 'vitest';
import { DlakitError, type ErrorCode, type Problem } from '../base/errors.ts';
import { numbers } from '../graph/tensor.ts';
import { externalFiles } from './external.ts';
import type { AttributeProto, GraphProto, ModelProto, TensorProto } from './proto/onnx.ts';
import { readModel } from './read.ts';
import { attributeProto, graphProto, modelFile, nodeProto, tensorProto, valueInfo, varints } from './testing/files.ts';
import { writeModel } from './write.ts';

const raw = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

function problemOf(work: () => unknown): Problem {
  try {
    work();
  } catch (error) {
    if (error instanceof DlakitError) return error.problem;
    throw error;
  }
  throw new Error('nothing was refused');
}

const refused = (file: Uint8Array): Problem => problemOf(() => readModel(file, { file: 'net.onnx' }));

const constantFile = (tensor: Partial<TensorProto>): Uint8Array =>
  modelFile({
    node: [nodeProto('Identity', ['w'], ['y'])],
    input: [],
    initializer: [tensorProto({ name: 'w', ...tensor })],
  });

const constant = (tensor: Partial<TensorProto>) => readModel(constantFile(tensor)).constants.get('w')!;

describe('tensor data', () => {
  const little = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer);

  test.each([
    ['float32', 1, { floatData: [raw(1.5, -2)] }, [1.5, -2]],
    ['float32', 1, { floatData: [raw(1.5), raw(-2)] }, [1.5, -2]],
    ['float64', 11, { doubleData: [little(Float64Array.of(0.1, -0.2))] }, [0.1, -0.2]],
    ['int32', 6, { int32Data: [varints([-5, 7])] }, [-5, 7]],
    ['int16', 5, { int32Data: [varints([-5, 32767])] }, [-5, 32767]],
    ['uint16', 4, { int32Data: [varints([5, 65535])] }, [5, 65535]],
    ['int8', 3, { int32Data: [varints([-128]), varints([127])] }, [-128, 127]],
    ['uint8', 2, { int32Data: [varints([0, 255])] }, [0, 255]],
    ['bool', 9, { int32Data: [varints([1, 0])] }, [1, 0]],
    ['float16', 10, { int32Data: [varints([0x3c00, 0xc000])] }, [1, -2]],
    ['bfloat16', 16, { int32Data: [varints([0x3f80, 0xc000])] }, [1, -2]],
    ['int64', 7, { int64Data: [varints([-1, 2n ** 40n])] }, [-1, 2 ** 40]],
    ['uint32', 12, { uint64Data: [varints([1, 2 ** 32 - 1])] }, [1, 2 ** 32 - 1]],
    ['uint64', 13, { uint64Data: [varints([1, 2n ** 60n])] }, [1, 2 ** 60]],
    ['float32', 1, { rawData: raw(3, 4) }, [3, 4]],
    ['int64', 7, { rawData: little(BigInt64Array.of(3n, -4n)) }, [3, -4]],
  ] as const)('%s (%#)', (dtype, dataType, data, expected) => {
    const tensor = constant({ dims: [2], dataType, ...data });
    expect(tensor.dtype).toBe(dtype);
    expect(tensor.shape).toEqual([2]);
    expect(numbers(tensor)).toEqual(expected);
  });

  test('raw, float and double data stay views of the file', () => {
    const file = constantFile({ dims: [2], dataType: 1, rawData: raw(3, 4) });
    expect(readModel(file).constants.get('w')!.bytes.buffer).toBe(file.buffer);
    const typed = constantFile({ dims: [2], dataType: 1, floatData: [raw(3, 4)] });
    expect(readModel(typed).constants.get('w')!.bytes.buffer).toBe(typed.buffer);
  });

  test('a scalar has no dimensions, a list may be empty', () => {
    expect(constant({ dataType: 1, rawData: raw(7) })).toMatchObject({ shape: [] });
    expect(constant({ dims: [0], dataType: 1 })).toMatchObject({ shape: [0], bytes: new Uint8Array(0) });
  });

  test.each([
    ['onnx/tensor-size', { dims: [3], dataType: 1, rawData: raw(1, 2) }],
    ['onnx/tensor-size', { dims: [1], dataType: 1, rawData: raw(1, 2) }],
    ['onnx/tensor-size', { dims: [3], dataType: 1, floatData: [raw(1, 2)] }],
    ['onnx/tensor-size', { dims: [2], dataType: 7, int64Data: [varints([1, 2, 3])] }],
    ['onnx/tensor-size', { dims: [4], dataType: 7, int64Data: [varints([1, 300, 3])] }],
    ['onnx/tensor-size', { dims: [2], dataType: 6, int32Data: [Uint8Array.of(0x80, 0x80)] }],
    ['onnx/tensor-size', { dims: [100000, 100000], dataType: 3 }],
    ['onnx/dimension', { dims: [2, 0], dataType: 1 }],
    ['onnx/dimension', { dims: [-1], dataType: 1 }],
    ['onnx/dimension', { dims: [2 ** 31], dataType: 1 }],
    ['onnx/dimension', { dims: [2 ** 30, 2 ** 30, 2 ** 30], dataType: 1 }],
    ['onnx/dimension', { dims: [Number.MAX_SAFE_INTEGER, 2 ** 62], dataType: 1 }],
    ['onnx/dtype', { dims: [1], dataType: 14, rawData: raw(1, 2) }],
    ['onnx/dtype', { dims: [1] }],
  ] as const)('%s for bad data (%#)', (code, tensor) => {
    expect(refused(constantFile(tensor))).toMatchObject({ code, place: { file: 'net.onnx', value: 'w' } });
  });
});

describe('Constant nodes', () => {
  const read = (attribute: AttributeProto) => {
    const file = modelFile({
      node: [nodeProto('Constant', [], ['c'], { attribute: [attribute] }), nodeProto('Identity', ['c'], ['y'])],
      input: [],
    });
    const graph = readModel(file);
    expect(graph.nodes.map(({ op }) => op)).toEqual(['Identity']);
    return graph.constants.get('c')!;
  };

  test.each([
    [
      attributeProto('value', { type: 4, t: tensorProto({ dims: [1], dataType: 1, rawData: raw(2) }) }),
      'float32',
      [1],
      [2],
    ],
    [attributeProto('value_float', { type: 1, f: 0.5 }), 'float32', [], [0.5]],
    [attributeProto('value_floats', { type: 6, floats: [0.5, 2] }), 'float32', [2], [0.5, 2]],
    [attributeProto('value_int', { type: 2, i: -3 }), 'int64', [], [-3]],
    [attributeProto('value_ints', { type: 7, ints: [1, 2 ** 63] }), 'int64', [2], [1, 2 ** 63]],
    // Old files do not say the type of an attribute.
    [attributeProto('value_ints', { ints: [4, 5] }), 'int64', [2], [4, 5]],
  ] as const)('%o', (attribute, dtype, shape, values) => {
    const tensor = read(attribute);
    expect({ ...tensor, values: numbers(tensor) }).toMatchObject({ dtype, shape, values });
  });

  test('strings have a shape and no elements', () => {
    expect(read(attributeProto('value_strings', { type: 8, strings: [raw(1), raw(2)] }))).toMatchObject({
      dtype: 'string',
      shape: [2],
    });
  });
});

describe('graphs', () => {
  test('an initializer among the inputs is a constant', () => {
    const graph = readModel(
      modelFile({
        node: [nodeProto('Add', ['x', 'w'], ['y'])],
        input: [valueInfo('x', [1]), valueInfo('w', [1])],
        initializer: [tensorProto({ name: 'w', dims: [1], dataType: 1, rawData: raw(1) })],
      }),
    );
    expect(graph.inputs).toEqual(['x']);
    expect([...graph.constants.keys()]).toEqual(['w']);
  });

  test('nodes get unique names', () => {
    const graph = readModel(
      modelFile({
        node: [
          nodeProto('Relu', ['x'], ['a']),
          nodeProto('Relu', ['a'], ['b'], { name: 'same' }),
          nodeProto('Relu', ['b'], ['c'], { name: 'same' }),
          nodeProto('Relu', ['c'], ['d'], { name: 'Relu_0' }),
          nodeProto('Relu', ['d'], ['y']),
        ],
      }),
    );
    expect(graph.nodes.map(({ name }) => name)).toEqual(['Relu_0_2', 'same', 'same_2', 'Relu_0', 'Relu_4']);
    expect(graph.nodes.map(({ origin }) => origin.join())).toEqual(graph.nodes.map(({ name }) => name));
  });

  test('nodes are sorted; sorted ones keep their order', () => {
    const nodes = [
      nodeProto('Add', ['a', 'b'], ['y'], { name: 'last' }),
      nodeProto('Relu', ['x'], ['b'], { name: 'second' }),
      nodeProto('Sigmoid', ['x'], ['a'], { name: 'first' }),
    ];
    expect(readModel(modelFile({ node: nodes })).nodes.map(({ name }) => name)).toEqual(['first', 'second', 'last']);
    const sorted = [nodes[1]!, nodes[2]!, nodes[0]!];
    expect(readModel(modelFile({ node: sorted })).nodes.map(({ name }) => name)).toEqual(['second', 'first', 'last']);
  });

  test('symbols, unknown dimensions and unknown ranks of inputs', () => {
    const graph = readModel(
      modelFile({
        node: [nodeProto('Max', ['x', 'z'], ['y'])],
        input: [valueInfo('x', ['N', undefined, 3]), { name: 'z', type: { tensorType: { elemType: 1 } } }],
        output: [{ name: 'y' }],
      }),
    );
    expect(graph.values.get('x')).toEqual({ dtype: 'float32', shape: ['N', 'x[1]', 3] });
    expect(graph.values.get('z')).toEqual({ dtype: 'float32' });
    expect(graph.values.has('y')).toBe(false);
  });

  test('a hint that makes no sense is dropped', () => {
    const graph = readModel(
      modelFile({
        node: [nodeProto('Relu', ['x'], ['h']), nodeProto('Relu', ['h'], ['y'])],
        valueInfo: [valueInfo('h', [-1, 0, 3])],
      }),
    );
    expect(graph.values.get('h')).toEqual({ dtype: 'float32', shape: ['h[0]', 'h[1]', 3] });
  });

  test('ai.onnx is the default domain', () => {
    const graph = readModel(
      modelFile(
        { node: [nodeProto('Relu', ['x'], ['y'], { domain: 'ai.onnx' })] },
        { opsetImport: [{ domain: 'ai.onnx', version: 13 }] },
      ),
    );
    expect(graph.opsets).toEqual({ '': 13 });
    expect(graph.nodes[0]!.domain).toBe('');
  });

  test('trailing absent inputs go, absent ones between stay', () => {
    const graph = readModel(
      modelFile({ node: [nodeProto('Clip', ['x', '', 'x', '', ''].slice(0, 3), ['y', '', ''])] }),
    );
    expect(graph.nodes[0]).toMatchObject({ inputs: ['x', '', 'x'], outputs: ['y'] });
  });

  test('an attribute may have any name', () => {
    const file = modelFile({
      node: [nodeProto('Relu', ['x'], ['y'], { attribute: [attributeProto('__proto__', { type: 2, i: 1 })] })],
    });
    const { attributes } = readModel(file).nodes[0]!;
    expect(Object.keys(attributes)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(attributes)).toBe(Object.prototype);
  });

  test('a subgraph sees the values around it', () => {
    const branch = (value: string): GraphProto =>
      graphProto({ name: value, node: [nodeProto('Relu', [value], ['r'])], output: [valueInfo('r', [1, 3])] });
    const conditional = (value: string): Partial<GraphProto> => ({
      node: [
        nodeProto('If', ['c'], ['y'], {
          name: 'choose',
          attribute: [
            attributeProto('then_branch', { type: 5, g: branch(value) }),
            attributeProto('else_branch', { type: 5, g: branch('x') }),
          ],
        }),
        nodeProto('Sigmoid', ['x'], ['late'], { name: 'late' }),
      ],
      input: [valueInfo('x', [1, 3]), valueInfo('c', [], 9)],
    });
    // What a branch captures is a dependency of the node, for sorting too.
    expect(readModel(modelFile(conditional('late'))).nodes.map(({ name }) => name)).toEqual(['late', 'choose']);
    expect(refused(modelFile(conditional('nowhere')))).toMatchObject({
      code: 'onnx/graph',
      place: { node: 'Relu_0', value: 'nowhere' },
    });
    expect(refused(modelFile(conditional('y')))).toMatchObject({ code: 'onnx/cycle' });
  });
});

describe('operators that dlakit does not know', () => {
  test('of another domain stay with their domain and its version', () => {
    const node = nodeProto('EfficientNMS_TRT', ['x'], ['y'], { domain: 'TRT', attribute: [] });
    const imports = { opsetImport: [{ version: 17 }, { domain: 'TRT', version: 3 }, { domain: 'unused', version: 1 }] };
    const graph = readModel(modelFile({ node: [node] }, imports));
    expect(graph.opsets).toEqual({ '': 17, TRT: 3 });
    expect(graph.nodes).toMatchObject([{ op: 'EfficientNMS_TRT', domain: 'TRT' }]);
    expect(readModel(writeModel(graph))).toEqual({ ...graph, name: graph.name });
  });

  test('that share the name of a known one are held to none of its rules', () => {
    const nodes = [
      nodeProto('Conv', ['x'], ['c'], { domain: 'com.example' }),
      nodeProto('Constant', ['c'], ['y'], { domain: 'com.example' }),
    ];
    expect(readModel(modelFile({ node: nodes })).nodes.map(({ op }) => op)).toEqual(['Conv', 'Constant']);
  });

  test.each([23, 24, 25, 26, 27])('of opset %i', (version) => {
    const file = modelFile({ node: [nodeProto('Attention', ['x', 'x', 'x'], ['y'])] }, { opsetImport: [{ version }] });
    expect(readModel(file)).toMatchObject({ opsets: { '': version }, nodes: [{ op: 'Attention' }] });
  });
});

describe('refusals', () => {
  const cases: readonly (readonly [ErrorCode, string, Partial<GraphProto>, Partial<ModelProto>?])[] = [
    ['onnx/opset', 'found 6', {}, { opsetImport: [{ version: 6 }] }],
    ['onnx/opset', 'found 28', {}, { opsetImport: [{ version: 28 }] }],
    ['onnx/opset', 'found none', {}, { opsetImport: [{ domain: 'ai.onnx.ml', version: 2 }] }],
    ['onnx/opset', 'found none', {}, { opsetImport: [] }],
    ['onnx/opset', 'found 13, 17', {}, { opsetImport: [{ version: 13 }, { domain: 'ai.onnx', version: 17 }] }],
    ['onnx/graph', 'that nothing defines', { node: [nodeProto('Relu', ['nowhere'], ['y'])] }],
    ['onnx/graph', 'defined twice', { node: [nodeProto('Relu', ['x'], ['y']), nodeProto('Relu', ['x'], ['y'])] }],
    ['onnx/graph', 'defined twice', { node: [nodeProto('Relu', ['x'], ['x'])] }],
    ['onnx/graph', 'defined twice', { input: [valueInfo('x', [1]), valueInfo('x', [1])] }],
    ['onnx/graph', 'never computed', { output: [valueInfo('z', [1])] }],
    ['onnx/graph', 'no outputs', { output: [] }],
    ['onnx/graph', 'an output twice', { output: [valueInfo('y', [1]), valueInfo('y', [1])] }],
    ['onnx/graph', 'misses a required input', { node: [nodeProto('Conv', ['x'], ['y'])] }],
    ['onnx/graph', 'misses a required input', { node: [nodeProto('Add', ['', 'x'], ['y'])] }],
    ['onnx/graph', 'too many inputs', { node: [nodeProto('Relu', ['x', 'x'], ['y'])] }],
    ['onnx/graph', 'no operator', { node: [nodeProto('', ['x'], ['y'])] }],
    ['onnx/graph', 'no output', { node: [nodeProto('Relu', ['x'], [])] }],
    ['onnx/graph', 'not a tensor', { input: [{ name: 'x' }] }],
    ['onnx/graph', 'has no value', { node: [nodeProto('Constant', [], ['y'])] }],
    [
      'onnx/graph',
      'given twice',
      {
        node: [
          nodeProto('Relu', ['x'], ['y'], {
            attribute: [attributeProto('a', { i: 1 }), attributeProto('a', { i: 2 })],
          }),
        ],
      },
    ],
    [
      'onnx/graph',
      'type that is not read',
      { node: [nodeProto('Relu', ['x'], ['y'], { attribute: [attributeProto('a', { type: 11 })] })] },
    ],
    ['onnx/dimension', 'zero, negative or too large', { input: [valueInfo('x', [1, 0])] }],
    ['onnx/dimension', 'zero, negative or too large', { input: [valueInfo('x', [-1, 3])] }],
    ['onnx/dimension', 'zero, negative or too large', { output: [valueInfo('y', [2 ** 31])] }],
    ['onnx/dimension', 'too many elements', { input: [valueInfo('x', [2 ** 30, 2 ** 30])] }],
    ['onnx/dtype', 'data type', { input: [valueInfo('x', [1], 15)] }],
    ['onnx/dtype', 'sparse', { sparseInitializer: [Uint8Array.of()] }],
    [
      'onnx/cycle',
      'in a circle (expected a graph without cycles, found a → b → c → a)',
      {
        node: [
          nodeProto('Add', ['x', 'C'], ['A'], { name: 'a' }),
          nodeProto('Relu', ['A'], ['B'], { name: 'b' }),
          nodeProto('Relu', ['B'], ['C'], { name: 'c' }),
          nodeProto('Relu', ['C'], ['y'], { name: 'd' }),
        ],
      },
    ],
  ];

  test.each(cases.map(([code, message, graph, model = {}]) => ({ code, message, graph, model })))(
    '$code: $message ($#)',
    ({ code, message, graph, model }) => {
      const file = modelFile(graph, model);
      expect(() => readModel(file)).toThrow(message);
      expect(refused(file)).toMatchObject({ code, place: { file: 'net.onnx' } });
    },
  );

  test('what is not a model', () => {
    for (const text of ['', '<!DOCTYPE html>', 'PK\u0003\u0004', '\u0089PNG\r\n', '{"a": 1}', 'x'.repeat(1000)]) {
      expect(refused(new TextEncoder().encode(text))).toMatchObject({ code: 'onnx/not-a-model' });
    }
    expect(refused(new Uint8Array(64))).toMatchObject({ code: 'onnx/not-a-model' });
  });

  test('a file cut anywhere is refused, and never as a bug', () => {
    const whole = modelFile({
      initializer: [tensorProto({ name: 'w', dims: [40], dataType: 1, rawData: new Uint8Array(160) })],
    });
    const codes = new Set<string>();
    for (let length = 0; length < whole.length; length++) codes.add(refused(whole.subarray(0, length)).code);
    expect([...codes].sort()).toEqual(['onnx/not-a-model', 'onnx/opset', 'onnx/truncated']);
    expect(refused(whole.subarray(0, 100)).code).toBe('onnx/truncated');
  });

  test('nesting has an end', () => {
    let inner = graphProto({ node: [nodeProto('Relu', ['x'], ['z'])], output: [valueInfo('z', [1])] });
    for (let level = 0; level < 60; level++) {
      const body = attributeProto('body', { type: 5, g: inner });
      inner = graphProto({
        node: [nodeProto('Loop', [], ['z'], { attribute: [body] })],
        output: [valueInfo('z', [1])],
      });
    }
    const file = modelFile({
      node: [nodeProto('Loop', [], ['y'], { attribute: [attributeProto('body', { type: 5, g: inner })] })],
    });
    expect(refused(file)).toMatchObject({ code: 'onnx/too-deep', place: { file: 'net.onnx' } });
  });

  test('unknown fields are skipped, nested groups included', () => {
    const file = modelFile();
    const unknown = [0xf8, 0x3f, 0x05, 0xfa, 0x3f, 0x02, 1, 2, 0xfb, 0x3f, 0xfb, 0x3f, 0xfc, 0x3f, 0xfc, 0x3f];
    expect(readModel(Uint8Array.from([...file, ...unknown])).nodes.length).toBe(1);
    const groups = Uint8Array.from([...file, ...Array.from({ length: 200_000 }, () => [0xfb, 0x3f]).flat()]);
    expect(refused(groups).code).toMatch(/^onnx\//);
  });

  test('a file of nothing but empty parts does not fill the memory', () => {
    // A graph of two bytes a node.
    const count = 5_000_000;
    const body = new Uint8Array(2 * count);
    for (let index = 0; index < body.length; index += 2) body[index] = 0x0a;
    const file = Uint8Array.from([0x08, 0x08, 0x3a, ...varints([body.length])]);
    const whole = new Uint8Array(file.length + body.length);
    whole.set(file);
    whole.set(body, file.length);
    expect(refused(whole)).toMatchObject({ code: 'onnx/too-large' });
  });
});

describe('external data', () => {
  const weights = (entries: Readonly<Record<string, string>>): Uint8Array =>
    constantFile({
      dims: [2],
      dataType: 1,
      dataLocation: 1,
      externalData: Object.entries(entries).map(([key, value]) => ({ key, value })),
    });
  const data = new Uint8Array([...raw(9, 9), ...raw(3, 4)]);

  test('is a view of the other file', () => {
    const file = weights({ location: 'weights/a.bin', offset: '8', length: '8' });
    expect(externalFiles(file)).toEqual(['weights/a.bin']);
    const tensor = readModel(file, { external: new Map([['weights/a.bin', data]]) }).constants.get('w')!;
    expect(numbers(tensor)).toEqual([3, 4]);
    expect(tensor.bytes.buffer).toBe(data.buffer);
  });

  test('without offset and length begins at the start', () => {
    const tensor = readModel(weights({ location: 'a' }), { external: new Map([['a', data]]) }).constants.get('w')!;
    expect(numbers(tensor)).toEqual([9, 9]);
  });

  test('is listed once, and found in Constant nodes and subgraphs too', () => {
    const tensor = (location: string) =>
      tensorProto({
        name: location,
        dims: [1],
        dataType: 1,
        dataLocation: 1,
        externalData: [{ key: 'location', value: location }],
      });
    const inner = graphProto({ initializer: [tensor('c'), tensor('a')] });
    const file = modelFile({
      node: [
        nodeProto('Constant', [], ['k'], { attribute: [attributeProto('value', { type: 4, t: tensor('b') })] }),
        nodeProto('If', ['x'], ['y'], { attribute: [attributeProto('then_branch', { type: 5, g: inner })] }),
      ],
      initializer: [tensor('a')],
    });
    expect(externalFiles(file)).toEqual(['a', 'b', 'c']);
  });

  test.each([
    ['onnx/external-data', { location: '/etc/passwd' }],
    ['onnx/external-data', { location: '../secret' }],
    ['onnx/external-data', { location: 'a/../../secret' }],
    ['onnx/external-data', { location: 'a\\..\\secret' }],
    ['onnx/external-data', { location: 'C:\\secret' }],
    ['onnx/external-data', { location: '\\\\host\\secret' }],
    ['onnx/external-data', { location: 'a\0' }],
    ['onnx/external-data', {}],
    ['onnx/external-data', { location: 'a', offset: '-1' }],
    ['onnx/external-data', { location: 'a', offset: '1e3' }],
    ['onnx/external-data', { location: 'a', offset: '9' }],
    ['onnx/external-data', { location: 'a', offset: '99999999999999' }],
    ['onnx/external-data', { location: 'missing' }],
    ['onnx/tensor-size', { location: 'a', length: '4' }],
  ] as const)('%s for %o', (code, entries) => {
    const file = weights(entries);
    const external = new Map([['a', data]]);
    expect(problemOf(() => readModel(file, { external }))).toMatchObject({ code, place: { value: 'w' } });
  });

  test('bad locations are refused before anything is opened', () => {
    const file = weights({ location: '../secret' });
    expect(problemOf(() => externalFiles(file, { file: 'net.onnx' }))).toMatchObject({
      code: 'onnx/external-data',
      place: { file: 'net.onnx', value: 'w' },
    });
  });
});
