/**
 * A rewrite that a check offers does what it says, and preparing never makes a verdict worse: for every case and every network of
 * the repository, on each kind of target.
 */

import { describe, expect, it } from 'vitest';
import { boardGraph } from '../../src/compile/orin/board/graph.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { type CheckOptions, type CheckResult, check, prepare, rewrite } from '../../src/index.ts';
import { caseNames, networkFiles, readCase, readNetworkFile } from './case-files.ts';

const options: readonly CheckOptions[] = [
  { target: 'orin' },
  { target: 'orin', precision: 'fp16' },
  { target: 'orin', release: 'JetPack 5.1.1' },
  { target: 'orin', release: 'DRIVE OS 6.0.9.0' },
  { target: 'xavier' },
  { target: 'nv_full' },
  { target: 'nv_small' },
];

/** Nodes with an offer that the rewrite does not keep. */
function broken(graph: Graph, where: CheckOptions): readonly string[] {
  // As read, every node is its own origin.
  const offers = check(graph, where).verdicts.flatMap(({ node, refusals }) =>
    refusals.flatMap(({ rule, fix }) => (fix?.rewrite === undefined ? [] : [{ node, rule, pass: fix.rewrite }])),
  );
  return [...new Set(offers.map(({ pass }) => pass))].flatMap((pass) => {
    const { graph: after } = rewrite(graph, { passes: [pass] });
    const { verdicts } = check(after, where);
    const refused = after.nodes.flatMap(({ origin }, index) =>
      verdicts[index]!.refusals.flatMap(({ rule }) => origin.map((name) => `${name} ${rule}`)),
    );
    return offers
      .filter((offer) => offer.pass === pass && refused.includes(`${offer.node} ${offer.rule}`))
      .map(({ node, rule }) => `${node}: ${pass} leaves ${rule}`);
  });
}

const elsewhere = ({ verdicts, elsewhere: place }: CheckResult) =>
  verdicts.filter(({ placement }) => placement === place).length;

function expectHonest(graph: Graph, where: CheckOptions): void {
  expect(broken(graph, where)).toEqual([]);
  const [before, after] = [graph, boardGraph(prepare(graph, where).graph)].map((each) => check(each, where));
  const off = ({ macs }: CheckResult) => macs.total - macs.dla;
  expect(off(after!)).toBeLessThanOrEqual(off(before!));
  if (off(after!) === off(before!)) expect(elsewhere(after!)).toBeLessThanOrEqual(elsewhere(before!));
}

describe.each(options)('on $target $release $precision', (where) => {
  it.each(caseNames)('%s: what is offered holds, and preparing is never for the worse', (name) => {
    expectHonest(readCase(name), where);
  });
});

describe.each(options.filter(({ target, release }) => target !== 'nv_small' && !release?.startsWith('DRIVE')))(
  'on $target $release $precision',
  (where) => {
    it.each(networkFiles)('%s: what is offered holds, and preparing is never for the worse', (...file) => {
      expectHonest(readNetworkFile(file), where);
    });
  },
);

describe('an offer', () => {
  const offersOf = (name: string, where?: CheckOptions) =>
    check(readCase(name), where).verdicts.flatMap(({ op, refusals }) =>
      refusals.map(({ rule, fix }) => [op, rule, fix?.rewrite]),
    );

  it('is the pass that does away with the refusal', () => {
    expect(offersOf('rewrites/deconv-k3s2p1op1')).toEqual([
      ['ConvTranspose', 'deconvolution/padding', 'crop-deconvolution'],
    ]);
    expect(offersOf('rewrites/gap-16x16')).toEqual([['GlobalAveragePool', 'no-rule', 'global-pool-to-pool']]);
  });

  it('is not made where the pass does nothing', () => {
    // A reflection is no padding of a convolution; a clip from −1 is no Relu; a maximum with 2 neither.
    expect(offersOf('rewrites/pad_reflect')[0]).toEqual(['Pad', 'no-rule', undefined]);
    expect(offersOf('rewrites/max-constant')).toEqual([['Max', 'elementwise/constant-operand', undefined]]);
    expect(offersOf('rewrites/gap_38x38')).toEqual([['GlobalAveragePool', 'no-rule', undefined]]);
  });

  it('is not made where another rule refuses what the pass makes', () => {
    // Before TensorRT 8.6 Slice runs in FP16 only: cropping an INT8 result stays on the GPU.
    expect(offersOf('rewrites/deconv-k3s2p1op1', { release: 'JetPack 5.1.1' })).toEqual([
      ['ConvTranspose', 'deconvolution/padding', undefined],
    ]);
  });
});

describe('preparing', () => {
  const prepared = (name: string) => {
    const { graph, applied } = prepare(readCase(name));
    return [check(graph).verdicts.map(({ placement }) => placement), applied.length > 0];
  };

  it.each(['mlp', 'linear-2d-input', 'batchnorm-3d-input'])('leaves %s, which the DLA takes as it is', (name) => {
    const [placements] = prepared(`verdicts/${name}`);
    expect(new Set(placements as string[])).toEqual(new Set(['dla']));
  });
});
