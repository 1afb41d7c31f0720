import { describe, expect, it } from 'vitest';
import { compile, estimate, estimateModes, prepare } from '../index.ts';
import { lenet } from '../models/caffe.ts';
import { GraphBuilder } from '../models/graph-builder.ts';
import { estimateText, layersText } from './estimate-text.ts';

const estimated = (make: (builder: GraphBuilder) => void, module?: string): string => {
  const builder = new GraphBuilder('net');
  make(builder);
  const { plan } = compile(prepare(builder.build())).network;
  return estimateText(estimateModes(plan, module === undefined ? {} : { module }));
};

const convolution =
  (batch: number) =>
  (builder: GraphBuilder): void =>
    builder.output(builder.conv(builder.input('x', [batch, 8, 8, 8]), { channels: 8, kernel: 3 }));

describe('the text of an estimate', () => {
  it('says that nothing runs on the DLA instead of dividing by no time', () => {
    const text = estimated((builder) => builder.output(builder.unary('Erf', builder.input('x', [1, 8, 8, 8]))));
    expect(text).toBe('Estimate: nothing of net runs on the DLA');
  });

  it('marks what was not held against measurements beside its number, whatever the reason', () => {
    expect(estimated(convolution(1))).toMatch(/^MAXN .* unseen network /m);
    const larger = estimated(convolution(8));
    expect(larger).toMatch(/^MAXN .* never seen /m);
    expect(larger).toContain('Batch 8: the fit has batches of 1 and 2 only.');
    expect(estimated(convolution(1), 'orin-nx-16gb')).toMatch(/^MAXN .* never seen /m);
  });

  it('says where and when each layer runs on Orin, and what runs side by side', () => {
    const builder = new GraphBuilder('branches');
    const x = builder.conv(builder.input('x', [1, 32, 64, 64]), { channels: 32, kernel: 3, name: 'stem' });
    builder.output(builder.resize(x, [2, 2]));
    builder.output(builder.conv(x, { channels: 64, kernel: 3, name: 'beside' }));
    const result = estimate(compile(prepare(builder.build())).network.plan, { powerMode: 'MAXN' });
    expect(estimateText([result])).toMatch(/^Engines side by side save \d+\.\d % of one launch after the other$/m);
    expect(layersText(result)).toMatchSnapshot();
    expect(estimated(convolution(1))).not.toContain('side by side');
  });

  it('has a line for each launch on an open NVDLA, with what bounds it and why', () => {
    const { plan } = compile(prepare(lenet()), { target: 'nv_full', precision: 'fp16' }).network;
    const result = estimate(plan, {
      system: { clock: 500, bandwidth: 4, latency: 40, outstanding: 32, launch: 1000 },
    });
    expect(`${estimateText([result])}\n\n${layersText(result)}`).toMatchSnapshot();
  });
});
