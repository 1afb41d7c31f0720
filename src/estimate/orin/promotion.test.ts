import { describe, expect, it } from 'vitest';
import { compile, type Estimate, estimate, estimateText, layersText, prepare } from '../../index.ts';
import { GraphBuilder } from '../../models/graph-builder.ts';

type Activation = (b: GraphBuilder, x: string) => string;

const relu: Activation = (b, x) => b.relu(x);
const sigmoid: Activation = (b, x) => b.unary('Sigmoid', x);
const silu: Activation = (b, x) => b.binary('Mul', x, b.unary('Sigmoid', x));
const hardSwish: Activation = (b, x) => b.unary('HardSwish', x);

function twin(activate: Activation): Estimate {
  const b = new GraphBuilder('twin', { seed: 3 });
  let x = b.input('image', [1, 3, 64, 64]);
  for (const name of ['one', 'two']) {
    x = activate(b, b.conv(x, { channels: 64, kernel: 3, stride: 2, padding: 1, name }));
  }
  b.output(b.conv(x, { channels: 32, kernel: 1, name: 'head' }));
  return estimate(compile(prepare(b.build())).network.plan, { powerMode: 'MAXN' });
}

describe('a table of int8', () => {
  const plain = twin(relu);
  const launches = ({ layers }: Estimate) => layers.map(({ promoted = [] }) => promoted.map(({ what }) => what));

  it('is nothing for ReLU', () => expect(launches(plain)).toEqual([[], [], []]));

  it('costs conversions and a launch in FP16 for Sigmoid', () => {
    const expected = ['conversion to FP16', 'Sigmoid in FP16', 'conversion to INT8'];
    expect(launches(twin(sigmoid))).toEqual([expected, expected, []]);
  });

  it('costs a product besides for SiLU, which is why it is priced otherwise than its twin with ReLU', () => {
    const found = twin(silu);
    const expected = ['conversion to FP16', 'Sigmoid in FP16', 'conversion to INT8', 'Mul'];
    expect(launches(found)).toEqual([expected, expected, []]);
    const extra = found.layers.flatMap(({ promoted = [] }) => promoted).reduce((sum, { total }) => sum + total, 0);
    expect(found.latency).toBeCloseTo(plain.latency + extra, 0);
    // Eight launches of at least 8,100 cycles and 6.8 µs.
    expect(extra).toBeGreaterThan(8 * 11);
    expect(found.evidence.class).toBe('never seen');
    const note = found.notes.find((line) => line.includes('conversion to FP16'));
    expect(note).toMatch(/2 × conversion to FP16, 2 × Sigmoid in FP16, 2 × conversion to INT8, 2 × Mul/);
    expect(estimateText([found])).toContain(note);
    expect(estimateText([found])).toMatch(
      /^Launches besides in MAXN: 2 × conversion to FP16 \d.* µs, .* 2 × Mul \d.* µs$/m,
    );
    expect(layersText(found)).toContain('conv + 4');
  });

  it('stays in INT8 for HardSwish: a clamp and a product', () => {
    expect(launches(twin(hardSwish)).slice(0, 2)).toEqual([
      ['Clip', 'Mul'],
      ['Clip', 'Mul'],
    ]);
  });

  it('moves both formats', () => {
    const pixels = 64 * 32 * 32;
    const [first] = twin(silu).layers;
    const [same] = plain.layers;
    if (first!.outputMemory === 'dram') {
      expect(first!.traffic.output - same!.traffic.output).toBe((2 + 2 + 1 + 1) * pixels);
    } else expect(first!.traffic.output).toBe(0);
  });

  it('is the last launch of a layer that is nothing else, and comes besides an addition', () => {
    const alone = (activate: Activation, added: boolean) => {
      const b = new GraphBuilder('alone');
      const x = b.input('x', [1, 64, 64, 64]);
      b.output(activate(b, added ? b.add(x, b.input('y', [1, 64, 64, 64])) : x));
      return estimate(compile(prepare(b.build())).network.plan, { powerMode: 'MAXN' });
    };
    const conversions = ['conversion to FP16', 'Sigmoid in FP16'];
    expect(launches(alone(sigmoid, false))).toEqual([conversions]);
    expect(launches(alone(silu, false))).toEqual([[...conversions, 'conversion to INT8']]);
    expect(launches(alone(sigmoid, true))).toEqual([[...conversions, 'conversion to INT8']]);
    // The own launch of Sigmoid converts to INT8: it reads 16 bits. All three together move 1 + 2, 2 + 2 and 2 + 1 bytes an element.
    const { input, output } = alone(sigmoid, false).layers[0]!.traffic;
    expect(input + output).toBe(10 * 64 * 64 * 64);
  });
});
