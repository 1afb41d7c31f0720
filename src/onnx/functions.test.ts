import { describe, expect, test } from 'vitest';
import { DlakitError } from '../base/errors.ts';
import { float32Tensor, float32Values, type Tensor } from '../graph/tensor.ts';
import type { FunctionProto, GraphProto, NodeProto } from './proto/onnx.ts';
import { readModel } from './read.ts';
import { resolve } from './resolve.ts';
import {
  attributeProto,
  functionProto,
  graphProto,
  modelFile,
  nodeProto,
  tensorProto,
  valueInfo,
} from './testing/files.ts';
import { pattern, runModel } from './testing/graphs.ts';
import { writeModel } from './write.ts';

const call = (name: string, input: readonly string[], output: readonly string[], fields: Partial<NodeProto> = {}) =>
  nodeProto(name, input, output, { domain: 'local', ...fields });

const file = (functions: readonly FunctionProto[], graph: Partial<GraphProto>): Uint8Array =>
  modelFile(graph, { functions, opsetImport: [{ version: 17 }, { domain: 'local', version: 1 }] });

const leaky = functionProto('Leaky', {
  input: ['a'],
  output: ['b'],
  attributeProto: [attributeProto('slope', { type: 1, f: 0.25 })],
  node: [
    nodeProto('LeakyRelu', ['a'], ['t'], {
      name: 'act',
      attribute: [attributeProto('alpha', { type: 1, refAttrName: 'slope' })],
    }),
    nodeProto('Neg', ['t'], ['b']),
  ],
});

const block = functionProto('Block', {
  input: ['x', 'scale'],
  output: ['y', 'side'],
  attribute: ['k'],
  node: [
    call('Leaky', ['x'], ['t'], { name: 'first', attribute: [attributeProto('slope', { type: 1, refAttrName: 'k' })] }),
    call('Leaky', ['t'], ['u']),
    nodeProto('Clip', ['u', 'scale'], ['y']),
    nodeProto('Exp', ['t'], ['side']),
  ],
  opsetImport: [{ version: 17 }, { domain: 'local', version: 1 }],
});

const slope = (value: number) => ({ attribute: [attributeProto('k', { type: 1, f: value })] });

function problemOf(bytes: Uint8Array) {
  try {
    readModel(bytes);
  } catch (error) {
    if (error instanceof DlakitError) return error.problem;
    throw error;
  }
  throw new Error('nothing was refused');
}

async function same(bytes: Uint8Array, feeds: Readonly<Record<string, Tensor>>): Promise<void> {
  const [ours, theirs] = [await runModel(writeModel(readModel(bytes)), feeds), await runModel(bytes, feeds)];
  for (const [name, tensor] of Object.entries(theirs)) {
    expect([name, ...float32Values(ours[name]!)]).toEqual([name, ...float32Values(tensor)]);
  }
}

describe('functions of a model', () => {
  const nestedWith = (outputs: readonly string[]) =>
    file([leaky, block], {
      node: [
        call('Block', ['x', 'low'], ['h', 'side'], { name: 'one', ...slope(0.5) }),
        call('Block', ['h'], outputs, { name: 'two', ...slope(2) }),
        nodeProto('Add', ['side', 'y'], ['z'], { name: 'join' }),
      ],
      initializer: [tensorProto({ name: 'low', dataType: 1, rawData: new Uint8Array(Float32Array.of(-0.3).buffer) })],
      output: [valueInfo('z', [1, 3]), valueInfo('y', [1, 3])],
    });

  const nested = nestedWith(['y']);

  test('are put in for their calls, under the names of these, nested ones too', () => {
    const graph = readModel(nested);
    expect(graph.nodes.map(({ name, op }) => `${name} ${op}`)).toEqual([
      'one/first/act LeakyRelu',
      'one/first/Neg_1 Neg',
      'one/Leaky_1/act LeakyRelu',
      'one/Leaky_1/Neg_1 Neg',
      'one/Clip_2 Clip',
      'one/Exp_3 Exp',
      'two/first/act LeakyRelu',
      'two/first/Neg_1 Neg',
      'two/Leaky_1/act LeakyRelu',
      'two/Leaky_1/Neg_1 Neg',
      'two/Clip_2 Clip',
      'two/Exp_3 Exp',
      'join Add',
    ]);
    // An input that the call leaves out is left out inside, an output that it does not want has a name of its own.
    expect(graph.nodes.find(({ name }) => name === 'two/Clip_2')).toMatchObject({
      inputs: ['two/u'],
      outputs: ['y'],
      origin: ['two/Clip_2'],
    });
    expect(graph.nodes.find(({ name }) => name === 'two/Exp_3')!.outputs).toEqual(['two/side']);
    expect(graph.opsets).toEqual({ '': 17 });
    expect(resolve(graph).values.get('one/t')).toEqual({ dtype: 'float32', shape: [1, 3] });
  });

  test('attributes come from the call, else from the default, else not at all', () => {
    const slopes = (bytes: Uint8Array) => readModel(bytes).nodes.flatMap(({ attributes }) => attributes.alpha ?? []);
    expect(slopes(nested).map(({ value }) => value)).toEqual([0.5, 0.25, 2, 0.25]);
    const bare = file([{ ...leaky, attributeProto: [], attribute: ['slope'] }], {
      node: [call('Leaky', ['x'], ['y'])],
    });
    expect(slopes(bare)).toEqual([]);
  });

  test('give what onnxruntime makes of the model', () =>
    same(nestedWith(['y', 'more']), { x: float32Tensor([1, 3], [-1.5, 0.25, 3]) }));

  test('capture values in the branches of an If, and hand inputs on', async () => {
    const branch = (node: NodeProto): GraphProto =>
      graphProto({ name: 'branch', node: [node], output: [valueInfo('r', [1, 3])] });
    const choose = functionProto('Choose', {
      input: ['c', 'x'],
      output: ['r0', 'x', 'r0'],
      node: [
        nodeProto('Mul', ['x', 'x'], ['square']),
        nodeProto('If', ['c'], ['r0'], {
          attribute: [
            attributeProto('then_branch', {
              type: 5,
              g: branch(
                nodeProto('LeakyRelu', ['square'], ['r'], {
                  attribute: [attributeProto('alpha', { type: 1, refAttrName: 'k' })],
                }),
              ),
            }),
            attributeProto('else_branch', {
              type: 5,
              g: { ...branch(nodeProto('Neg', ['x'], ['r2'])), output: [valueInfo('r2', [1, 3])] },
            }),
          ],
        }),
      ],
      attribute: ['k'],
    });
    const bytes = file([choose], {
      node: [call('Choose', ['c', 'x'], ['y', 'same', 'again'], { name: 'pick', ...slope(3) })],
      input: [valueInfo('c', [], 9), valueInfo('x', [1, 3])],
      output: [valueInfo('y', [1, 3]), valueInfo('same', [1, 3]), valueInfo('again', [1, 3])],
    });
    for (const c of [0, 1]) {
      const run = await runModel(writeModel(readModel(bytes)), {
        c: { dtype: 'bool', shape: [], bytes: Uint8Array.of(c) },
        x: float32Tensor([1, 3], [-1, 2, 3]),
      });
      const expected = c === 1 ? [1, 4, 9] : [1, -2, -3];
      expect([...float32Values(run.y!)]).toEqual(expected);
      expect([...float32Values(run.again!)]).toEqual(expected);
      expect([...float32Values(run.same!)]).toEqual([-1, 2, 3]);
    }
  });

  test('never take a name that the model has', () => {
    const bytes = file([leaky], {
      node: [nodeProto('Relu', ['x'], ['f/t']), call('Leaky', ['f/t'], ['y'], { name: 'f' })],
    });
    expect(readModel(bytes).nodes.map(({ outputs }) => outputs[0])).toEqual(['f/t', 'f/t_2', 'y']);
  });

  test('a function stands for an operator of its domain and overload alone', () => {
    const other = { ...leaky, overload: 'fast', node: [nodeProto('Abs', ['a'], ['b'])] };
    const bytes = file([leaky, other], { node: [call('Leaky', ['x'], ['y'], { overload: 'fast' })] });
    expect(readModel(bytes).nodes.map(({ op }) => op)).toEqual(['Abs']);
    expect(readModel(file([leaky], { node: [nodeProto('Leaky', ['x'], ['y'])] })).nodes).toMatchObject([
      { op: 'Leaky' },
    ]);
  });

  test('bring the opset where the model imports none', () => {
    const bytes = modelFile(
      { node: [call('Leaky', ['x'], ['y'])] },
      { functions: [leaky], opsetImport: [{ domain: 'local', version: 1 }] },
    );
    expect(readModel(bytes).opsets).toEqual({ '': 17 });
  });
});

describe('hostile functions', () => {
  const calling = (name: string, callee: string, times = 1): FunctionProto =>
    functionProto(name, {
      input: ['a'],
      output: [`v${times - 1}`],
      node: Array.from({ length: times }, (_, index) =>
        call(callee, [index === 0 ? 'a' : `v${index - 1}`], [`v${index}`]),
      ),
    });
  const entry = (functions: readonly FunctionProto[]) =>
    file(functions, { node: [call('F0', ['x'], ['y'], { name: 'go' })] });

  test('a circle is named', () => {
    const bytes = entry([calling('F0', 'F1'), calling('F1', 'F2'), calling('F2', 'F1')]);
    expect(problemOf(bytes)).toMatchObject({
      code: 'onnx/cycle',
      actual: 'F1 → F2 → F1',
      place: { node: 'go/F1_0/F2_0/F1_0' },
    });
  });

  test('a cascade that doubles is stopped', () => {
    const cascade = Array.from({ length: 50 }, (_, index) => calling(`F${index}`, `F${index + 1}`, 2));
    expect(problemOf(entry([...cascade, { ...leaky, name: 'F50' }]))).toMatchObject({ code: 'onnx/too-large' });
  });

  test('a long chain is stopped', () => {
    const chain = Array.from({ length: 5000 }, (_, index) => calling(`F${index}`, `F${index + 1}`));
    expect(problemOf(entry(chain))).toMatchObject({ code: 'onnx/too-deep' });
  });

  test.each([
    ['too many inputs', [leaky], [call('Leaky', ['x', 'x'], ['y'])]],
    ['too many outputs', [leaky], [call('Leaky', ['x'], ['y', 'z'])]],
    ['defined twice', [leaky, leaky], [call('Leaky', ['x'], ['y'])]],
    ['nothing defines', [{ ...leaky, node: [nodeProto('Neg', ['q'], ['b'])] }], [call('Leaky', ['x'], ['y'])]],
  ])('%s', (message, functions, node) => {
    const problem = problemOf(file(functions, { node }));
    expect(problem.code).toBe('onnx/graph');
    expect(problem.message).toContain(message);
  });
});

test('random inputs give the same through a call and without', () =>
  same(file([leaky], { node: [call('Leaky', ['x'], ['y'])] }), { x: pattern([1, 3]) }));
