import { describe, expect, it } from 'vitest';
import { float32Tensor, float32Values, type Tensor } from '../graph/tensor.ts';
import { nodeOnnxRuntime } from '../host/node/onnxruntime.ts';
import { GraphBuilder } from '../models/graph-builder.ts';
import { Network } from '../rewrite/testing/network.ts';
import { observe } from './observe.ts';
import type { OnnxRuntime } from './session.ts';

/** A network with a skip connection over many layers. */
function skipping(depth: number) {
  const builder = new GraphBuilder('deep', { seed: 3 });
  const first = builder.relu(builder.input('x', [1, 4, 16, 16]));
  let value = first;
  for (let layer = 0; layer < depth; layer++)
    value = builder.relu(builder.conv(value, { channels: 4, kernel: 3, padding: 1 }));
  builder.output(builder.add(value, first));
  return builder.build();
}

const tensorBytes = 4 * 4 * 16 * 16;
const feeds = {
  x: float32Tensor(
    [1, 4, 16, 16],
    Float32Array.from({ length: 1024 }, (_, i) => Math.sin(i)),
  ),
};

/** A runtime that knows what its sessions were given and gave. */
async function watched() {
  const real = await nodeOnnxRuntime();
  const seen = { sessions: 0, open: 0, most: 0 };
  const runtime: OnnxRuntime = {
    name: real.name,
    async createSession(model, options) {
      const session = await real.createSession(model, options);
      seen.sessions++;
      seen.open++;
      return {
        async run(given) {
          const results = await session.run(given);
          const bytes = [...Object.values(given), ...Object.values(results)].reduce(
            (sum, t) => sum + t.bytes.length,
            0,
          );
          seen.most = Math.max(seen.most, bytes);
          return results;
        },
        close: async () => {
          seen.open--;
          await session.close();
        },
      };
    },
  };
  return { runtime, seen };
}

async function valuesOf(runtime: OnnxRuntime, graph: ReturnType<typeof skipping>, partBytes?: number) {
  const values = graph.nodes.flatMap((node) => node.outputs);
  const session = await observe(runtime, graph, values, partBytes === undefined ? {} : { partBytes });
  const found = new Map<string, readonly number[]>();
  try {
    for (let run = 0; run < 2; run++) {
      found.clear();
      await session.run(feeds, (name: string, tensor: Tensor) => {
        expect(found.has(name)).toBe(false);
        found.set(name, [...float32Values(tensor)]);
      });
    }
  } finally {
    await session.close();
  }
  expect([...found.keys()]).toEqual(values);
  return found;
}

describe('observe', () => {
  it('shows the same values in parts as at once, each once, in order, and holds few of them', async () => {
    const graph = skipping(20);
    const whole = await watched();
    const expected = await valuesOf(whole.runtime, graph);
    expect(whole.seen).toMatchObject({ sessions: 1, open: 0 });
    for (const partBytes of [1, 3 * tensorBytes, 10 * tensorBytes]) {
      const { runtime, seen } = await watched();
      expect(await valuesOf(runtime, graph, partBytes)).toEqual(expected);
      expect(seen.open).toBe(0);
      expect(seen.sessions).toBeGreaterThan(graph.nodes.length / (1 + partBytes / tensorBytes) - 1);
      // What is handed in, the skip connection beside it, and the part's own.
      expect(seen.most).toBeLessThanOrEqual(partBytes + 3 * tensorBytes);
    }
    expect(whole.seen.most).toBeGreaterThan(40 * tensorBytes);
  });

  it('needs no more for a deeper network', async () => {
    const mostOf = async (depth: number) => {
      const { runtime, seen } = await watched();
      await valuesOf(runtime, skipping(depth), 4 * tensorBytes);
      return seen.most;
    };
    expect(await mostOf(40)).toBe(await mostOf(10));
  });

  it('leaves what it is fed alone, and runs nothing for nothing', async () => {
    const { runtime, seen } = await watched();
    const graph = skipping(2);
    const session = await observe(runtime, graph, []);
    await session.run(feeds, () => expect.unreachable());
    await session.close();
    expect(seen.sessions).toBe(0);
    await valuesOf(runtime, graph, 1);
    expect(feeds.x.bytes).toHaveLength(tensorBytes);
  });

  it('closes what it opened where a part cannot be opened', async () => {
    const { runtime, seen } = await watched();
    const failing: OnnxRuntime = {
      name: 'failing',
      createSession: async (model) => {
        if (seen.sessions === 2) throw new Error('no more');
        return runtime.createSession(model);
      },
    };
    const graph = skipping(5);
    await expect(observe(failing, graph, graph.outputs, { partBytes: 1 })).rejects.toThrow('no more');
    expect(seen.open).toBe(0);
  });

  it('cuts nowhere where a value of unknown type would cross', async () => {
    const { runtime, seen } = await watched();
    const n = new Network();
    const x = n.input('x', [1, 4, 16, 16]);
    const middle = n.op('Relu', [x], {}, 'middle');
    const graph = n.graph(n.op('Relu', [n.op('Relu', [middle], {}, 'next')], {}, 'y'));
    const values = new Map(graph.values);
    values.delete('middle');
    expect([...(await valuesOf(runtime, { ...graph, values }, 1)).keys()]).toEqual(['middle', 'next', 'y']);
    expect(seen.sessions).toBe(2);
  });
});
