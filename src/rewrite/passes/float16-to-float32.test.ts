import { describe, expect, it } from 'vitest';
import { float16Bits } from '../../base/float16.ts';
import { Random } from '../../base/random.ts';
import type { Graph } from '../../graph/graph.ts';
import { asFloat32, elementCount, float32Tensor, numbers, type Tensor } from '../../graph/tensor.ts';
import { resolve } from '../../onnx/resolve.ts';
import { graphOf, node, runModel, tensorAttribute } from '../../onnx/testing/graphs.ts';
import { writeModel } from '../../onnx/write.ts';
import { findRelease, findTarget } from '../../targets/find.ts';
import { prepare } from '../prepare.ts';
import { rewrite } from '../rewrite.ts';
import { printGraph } from '../testing/print-graph.ts';

const half = (shape: readonly number[], values: ArrayLike<number>): Tensor => ({
  dtype: 'float16',
  shape,
  bytes: new Uint8Array(Uint16Array.from(values, float16Bits).buffer),
});

const random = (shape: readonly number[], seed: number): Tensor =>
  half(shape, new Random(seed).symmetric(elementCount(shape), 0.5));

const float16 = (shape: readonly number[]) => ({ dtype: 'float16', shape }) as const;

/** Convolutions in float16 with a Resize in float32 between: what converters of mixed precision write. */
const mixed = (): Graph =>
  resolve(
    graphOf(
      [
        node('Conv', ['x', 'w'], ['a'], { pads: [1, 1, 1, 1] }),
        node('Relu', ['a'], ['b']),
        node('Cast', ['b'], ['c'], { to: 1 }),
        node('Resize', ['c', '', 'scales'], ['d'], { mode: 'nearest', coordinate_transformation_mode: 'asymmetric' }),
        node('Cast', ['d'], ['e'], { to: 10 }),
        node('Conv', ['e', 'w2'], ['f']),
        node('Add', ['f', 'one'], ['y']),
      ],
      {
        inputs: { x: float16([1, 3, 6, 6]) },
        outputs: ['y'],
        constants: {
          w: random([4, 3, 3, 3], 1),
          w2: random([2, 4, 1, 1], 2),
          one: half([], [1]),
          scales: float32Tensor([4], [1, 1, 2, 2]),
        },
      },
    ),
  );

const orin = findTarget('orin');
const onOrin = { target: orin, release: findRelease(orin), precision: 'int8' } as const;

describe('float16-to-float32', () => {
  it('leaves a network without a Cast, in float32 from end to end', () => {
    const { graph, applied } = rewrite(mixed());
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in x [1,3,6,6]
      a [1,4,6,6] = Conv(x, w (4,3,3,3)) pads=[1,1,1,1]
      b [1,4,6,6] = Relu(a)
      d [1,4,12,12] = Resize(b, _, scales (4)) mode="nearest" coordinate_transformation_mode="asymmetric"
      y [1,2,12,12] = Conv(d, w2:folded (2,4,1,1), Conv_f:bias:folded (2)) from Conv_f+Add_y
      out y"
    `);
    expect(new Set([...graph.values.values()].map(({ dtype }) => dtype))).toEqual(new Set(['float32']));
    expect(applied.map(({ pass }) => pass)).toEqual(['float16-to-float32', 'remove-no-ops', 'fold-scale']);
    expect(applied[0]!.nodes).toEqual(
      mixed()
        .nodes.filter(({ op }) => op !== 'Resize')
        .map(({ name }) => name),
    );
  });

  it('computes what the network in float16 computes, to its rounding', async () => {
    const before = mixed();
    const { graph: after } = rewrite(before);
    const x = random([1, 3, 6, 6], 3);
    const [expected, found] = [
      await runModel(writeModel(before), { x }),
      await runModel(writeModel(after), { x: float32Tensor(x.shape, asFloat32(x)) }),
    ];
    expect(found.y!.dtype).toBe('float32');
    const [wanted, have] = [numbers(expected.y!), numbers(found.y!)];
    expect(have.length).toBe(2 * 144);
    for (const [index, value] of have.entries()) expect(Math.abs(value - wanted[index]!)).toBeLessThan(2 ** -8);
  });

  it('runs before any other pass, whichever is wanted, and is one that can be named', () => {
    const pooled = resolve(
      graphOf([node('GlobalAveragePool', ['x'], ['y'])], { inputs: { x: float16([1, 4, 6, 6]) }, outputs: ['y'] }),
    );
    const { graph, applied } = rewrite(pooled, { passes: ['global-pool-to-pool'] });
    expect(applied.map(({ pass }) => pass)).toEqual(['float16-to-float32', 'global-pool-to-pool']);
    expect(graph.nodes.map(({ op }) => op)).toEqual(['AveragePool']);
    expect(rewrite(pooled, { passes: ['float16-to-float32'] }).graph.nodes.map(({ op }) => op)).toEqual([
      'GlobalAveragePool',
    ]);
    expect(rewrite(pooled, { passes: [] }).graph).toBe(pooled);
    expect(prepare(pooled, onOrin).applied[0]).toEqual({ pass: 'float16-to-float32', nodes: ['GlobalAveragePool_y'] });
  });

  it('reaches types in attributes and what lies in subgraphs', () => {
    const inner: Graph = {
      ...graphOf([node('Cast', ['i'], ['o'], { to: 10 })], { outputs: ['o'] }),
      constants: new Map([['k', half([1], [2])]]),
      values: new Map([['o', float16([1])]]),
    };
    const graph = graphOf(
      [
        node('ConstantOfShape', ['s'], ['z'], { value: tensorAttribute(half([1], [0.5])) }),
        node('EyeLike', ['z'], ['eye'], { dtype: 10 }),
        node('If', ['c'], ['y'], { then_branch: { kind: 'graph', value: inner } }),
        node('Cast', ['z'], ['whole'], { to: 7 }),
      ],
      {
        inputs: { s: { dtype: 'int64', shape: [2] }, c: { dtype: 'bool', shape: [] } },
        outputs: ['y', 'eye', 'whole'],
      },
    );
    const [fill, eye, choose, cast] = rewrite(graph, { passes: ['float16-to-float32'] }).graph.nodes;
    expect(fill!.attributes.value).toEqual(tensorAttribute(float32Tensor([1], [0.5])));
    expect(eye!.attributes.dtype).toEqual({ kind: 'int', value: 1 });
    expect(cast!.attributes.to).toEqual({ kind: 'int', value: 7 });
    const branch = choose!.attributes.then_branch;
    if (branch?.kind !== 'graph') throw new Error('the branch is gone');
    expect(branch.value.nodes[0]!.attributes.to).toEqual({ kind: 'int', value: 1 });
    expect(branch.value.constants.get('k')).toEqual(float32Tensor([1], [2]));
    expect(branch.value.values.get('o')).toEqual({ dtype: 'float32', shape: [1] });
  });

  it('takes bfloat16 as well', () => {
    const bits = {
      dtype: 'bfloat16',
      shape: [2],
      bytes: new Uint8Array(Uint16Array.of(0x3f80, 0xc040).buffer),
    } as const;
    const graph = graphOf([node('Add', ['x', 'w'], ['y'])], {
      inputs: { x: { dtype: 'bfloat16', shape: [2] } },
      outputs: ['y'],
      constants: { w: bits },
    });
    expect(rewrite(graph).graph.constants.get('w')).toEqual(float32Tensor([2], [1, -3]));
  });

  it('has nothing to do in float32, and keeps away from a network that reads the bits', () => {
    const plain = graphOf([node('Relu', ['x'], ['y'])], { inputs: { x: [1, 2] }, outputs: ['y'] });
    expect(rewrite(plain, { passes: ['float16-to-float32'] })).toEqual({ graph: plain, applied: [] });
    const bits = graphOf([node('BitCast', ['x'], ['y'], { to: 4 })], { inputs: { x: float16([2]) }, outputs: ['y'] });
    expect(rewrite(bits).graph).toBe(bits);
  });

  it('converts weights when somebody reads them', () => {
    let reads = 0;
    const { bytes, ...type } = half([2], [1, -3]);
    const weight: Tensor = {
      ...type,
      get bytes() {
        reads++;
        return bytes;
      },
    };
    const graph = graphOf([node('Add', ['x', 'w'], ['y'])], {
      inputs: { x: float16([2]) },
      outputs: ['y'],
      constants: { w: weight },
    });
    const { constants } = rewrite(graph).graph;
    expect(reads).toBe(0);
    expect(numbers(constants.get('w')!)).toEqual([1, -3]);
  });
});

describe('absorb-input-cast', () => {
  const passes = ['absorb-input-cast'];
  const bytes = (extra: readonly ReturnType<typeof node>[] = [], dtype: 'uint8' | 'int64' = 'uint8', to = 1): Graph =>
    resolve(
      graphOf([node('Cast', ['x'], ['c'], { to }), node('Relu', ['c'], ['y']), ...extra], {
        inputs: { x: { dtype, shape: [1, 3, 2, 2] } },
        outputs: ['y', ...extra.flatMap(({ outputs }) => outputs)],
      }),
    );

  it('makes the bytes of an image an input of float32', async () => {
    const { graph } = rewrite(bytes(), { passes });
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "in x [1,3,2,2]
      y [1,3,2,2] = Relu(x)
      out y"
    `);
    expect(graph.values.get('x')).toEqual({ dtype: 'float32', shape: [1, 3, 2, 2] });
    const image: Tensor = {
      dtype: 'uint8',
      shape: [1, 3, 2, 2],
      bytes: Uint8Array.from({ length: 12 }, (_, at) => at * 21),
    };
    const [before, after] = [
      await runModel(writeModel(bytes()), { x: image }),
      await runModel(writeModel(graph), { x: float32Tensor(image.shape, asFloat32(image)) }),
    ];
    expect(numbers(after.y!)).toEqual(numbers(before.y!));
  });

  it.each([
    ['an input that somebody reads as it is', bytes([node('Shape', ['x'], ['s']), node('Identity', ['x'], ['same'])])],
    ['integers that a float32 does not hold', bytes([], 'int64')],
    ['a Cast to another type', bytes([], 'uint8', 11)],
    [
      'a network that is the Cast',
      graphOf([node('Cast', ['x'], ['y'], { to: 1 })], {
        inputs: { x: { dtype: 'uint8', shape: [2] } },
        outputs: ['y'],
      }),
    ],
  ])('leaves %s', (_, graph) => {
    expect(rewrite(graph, { passes }).applied).toEqual([]);
  });
});
