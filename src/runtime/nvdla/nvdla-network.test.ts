import { describe, expect, it } from 'vitest';
import { DlakitError } from '../../base/errors.ts';
import { float32Tensor, float32Values } from '../../graph/tensor.ts';
import { compile, encodeNvdla, loadNetwork, loadNvdla, openDevice, prepare } from '../../index.ts';
import { fixture } from '../../loadable/nvdla/testing/fixtures.ts';
import { GraphBuilder } from '../../models/graph-builder.ts';

function network() {
  const b = new GraphBuilder('net', { seed: 4 });
  const x = b.input('image', [1, 3, 9, 10]);
  const other = b.input('other', [1, 12, 9, 10]);
  const conv = b.relu(b.conv(x, { channels: 12, kernel: 3, padding: 1 }));
  const sum = b.add(conv, other);
  b.output(b.gemm(b.flatten(b.globalAveragePool(sum)), 5), sum);
  return prepare(b.build());
}

const inputs = {
  image: float32Tensor(
    [1, 3, 9, 10],
    Array.from({ length: 270 }, (_, index) => Math.sin(index)),
  ),
  other: float32Tensor(
    [1, 12, 9, 10],
    Array.from({ length: 1080 }, (_, index) => Math.cos(index)),
  ),
};

const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
  } catch (error) {
    if (error instanceof DlakitError) return error.problem.code;
    throw error;
  }
  return 'none';
};

describe('a loadable of ours', () => {
  it.each([
    ['nv_small', 'int8'],
    ['nv_full', 'int8'],
    ['nv_full', 'fp16'],
  ] as const)('gives on %s in %s what the compiled network gives', async (target, precision) => {
    const compiled = compile(network(), { target, precision });
    const device = await openDevice({ target });
    const session = await loadNetwork(device, compiled.network);
    const expected = await session.run(inputs);
    for (const version of ['0.10', '0.12'] as const) {
      const stock = await loadNvdla(device, encodeNvdla(compiled, { interface: version }));
      const [first, again] = await Promise.all([stock.run(inputs), stock.run(inputs)]);
      expect(first).toEqual(again);
      expect(Object.keys(first.outputs)).toEqual(Object.keys(expected.outputs));
      for (const [name, tensor] of Object.entries(expected.outputs)) {
        expect(first.outputs[name]!.shape).toEqual(tensor.shape);
        expect(float32Values(first.outputs[name]!)).toEqual(float32Values(tensor));
      }
      expect(first.counters).toEqual(expected.counters);
      stock.unload();
    }
    await session.close();
    device.close();
  });

  it('refuses tensors that it does not have, and another device', async () => {
    const compiled = compile(network(), { target: 'nv_small' });
    const bytes = encodeNvdla(compiled);
    const device = await openDevice({ target: 'nv_small' });
    const stock = await loadNvdla(device, bytes);
    const { image, other } = inputs;
    expect(await codeOf(stock.run({ image }))).toBe('run/input');
    expect(await codeOf(stock.run({ image, other, more: other }))).toBe('run/input');
    expect(await codeOf(stock.run({ image: other, other: image }))).toBe('run/input');
    const flat = float32Tensor([270], float32Values(image));
    expect(await codeOf(stock.run({ image: flat, other }))).toBe('run/input');
    expect(await codeOf(stock.run(inputs))).toBe('none');
    expect(await codeOf(loadNvdla(await openDevice({ target: 'nv_full' }), bytes))).toBe('loadable/target');
    expect(await codeOf(loadNvdla(await openDevice({ target: 'orin' }), bytes))).toBe('loadable/target');
  });

  it('names the layer of an operation that is at fault', async () => {
    const compiled = compile(network(), { target: 'nv_small' });
    const device = await openDevice({ target: 'nv_small', watchdog: 1000 });
    const stock = await loadNvdla(device, encodeNvdla(compiled));
    const [segment] = compiled.network.plan.segments;
    const [first] = segment?.kind === 'dla' ? segment.program.layers : [];
    await expect(stock.run(inputs)).rejects.toMatchObject({
      problem: { code: 'device/timeout', place: { layer: first!.name } },
    });
  });
});

describe('a loadable of others', () => {
  it('does not know what its inputs are', async () => {
    const { bytes } = fixture('networks/conv1__nv_small_int8_ncxhwx_fast-math_per-kernel__s0/model.nvdla');
    const stock = await loadNvdla(await openDevice({ target: 'nv_small' }), bytes);
    expect(stock.tag).toBeUndefined();
    expect(await codeOf(stock.run(inputs))).toBe('run/input');
  });
});
