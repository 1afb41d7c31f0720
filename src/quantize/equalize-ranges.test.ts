import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equalizeRanges } from './equalize-ranges.ts';
import { chain } from './testing/chain.ts';

describe('equalizeRanges', () => {
  it('ties element-wise inputs, concatenations, poolings and what moves elements, and nothing else', () => {
    const graph = chain(
      [
        'a = Conv(x, W1)',
        'b = Conv(x, W2)',
        'sum = Add(a, b)',
        'relu = Relu(sum)',
        'pool = MaxPool(relu)',
        'up = Resize(pool, W3) mode=nearest',
        'smooth = Resize(pool, W3) mode=linear',
        'joined = Concat(up, b2)',
        'b2 = Sigmoid(x)',
        'flat = Flatten(joined)',
        'scaled = Mul(flat, W4)',
      ],
      ['scaled', 'smooth'],
    );
    const names = ['x', 'a', 'b', 'sum', 'relu', 'pool', 'up', 'smooth', 'joined', 'b2', 'flat', 'scaled'];
    const scales = new Map(names.map((name, index) => [name, index + 1]));
    const { scales: result, changes } = equalizeRanges(graph, scales);
    expect(Object.fromEntries(result)).toEqual({
      x: 1,
      a: 3,
      b: 3,
      sum: 4,
      relu: 11,
      pool: 11,
      up: 11,
      smooth: 8,
      joined: 11,
      b2: 11,
      flat: 11,
      scaled: 12,
    });
    expect(changes).toMatchInlineSnapshot(`
      [
        {
          "from": 2,
          "nodes": [
            "Add_2",
          ],
          "to": 3,
          "value": "a",
        },
        {
          "from": 5,
          "nodes": [
            "MaxPool_4",
          ],
          "to": 11,
          "value": "relu",
        },
        {
          "from": 6,
          "nodes": [
            "MaxPool_4",
            "Resize_5",
          ],
          "to": 11,
          "value": "pool",
        },
        {
          "from": 7,
          "nodes": [
            "Resize_5",
            "Concat_7",
          ],
          "to": 11,
          "value": "up",
        },
        {
          "from": 9,
          "nodes": [
            "Concat_7",
            "Flatten_9",
          ],
          "to": 11,
          "value": "joined",
        },
        {
          "from": 10,
          "nodes": [
            "Concat_7",
          ],
          "to": 11,
          "value": "b2",
        },
      ]
    `);
  });

  it('gives a scale to values that have none of their own', () => {
    const graph = chain(['a = Conv(x, W)', 'b = Flatten(a)', 'c = Reshape(b, W2)'], ['c']);
    const { scales, changes } = equalizeRanges(
      graph,
      new Map([
        ['x', 1],
        ['c', 0.5],
      ]),
    );
    expect(Object.fromEntries(scales)).toEqual({ x: 1, a: 0.5, b: 0.5, c: 0.5 });
    expect(changes.map(({ value, from }) => [value, from])).toEqual([
      ['a', undefined],
      ['b', undefined],
    ]);
  });

  it('never lowers a scale, is idempotent, and leaves tied values equal', () => {
    const ops = fc.constantFrom('Add', 'Concat', 'Relu', 'MaxPool', 'Conv', 'Reshape', 'Mul');
    fc.assert(
      fc.property(
        fc.array(fc.record({ op: ops, a: fc.nat(), b: fc.nat(), scale: fc.integer({ min: 1, max: 100 }) }), {
          minLength: 1,
          maxLength: 20,
        }),
        (steps) => {
          const names = ['x0', 'x1'];
          const lines = steps.map(({ op, a, b }, index) => {
            const [first, second] = [names[a % names.length]!, names[b % names.length]!];
            names.push(`v${index}`);
            const two = op === 'Add' || op === 'Concat' || op === 'Mul';
            return `v${index} = ${op}(${two ? `${first}, ${second}` : first})`;
          });
          const graph = chain(lines, [names.at(-1)!]);
          const before = new Map(names.map((name, index) => [name, steps[index]?.scale ?? 7]));
          const { scales } = equalizeRanges(graph, before);
          for (const [name, scale] of before)
            if (graph.values.has(name)) expect(scales.get(name)).toBeGreaterThanOrEqual(scale);
          expect(equalizeRanges(graph, scales).changes).toEqual([]);
          for (const node of graph.nodes) {
            const tied = { Add: node.inputs, Mul: node.inputs, Relu: [], Conv: [] }[node.op] ?? [
              ...node.inputs,
              ...node.outputs,
            ];
            expect(new Set(tied.map((name) => scales.get(name))).size).toBeLessThanOrEqual(1);
          }
        },
      ),
    );
  });
});
