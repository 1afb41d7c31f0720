import { expect, it } from 'vitest';
import { compile, type EstimateOptions, estimate, estimateText, prepare, report, reportHtml } from '../../index.ts';
import { resnet18, resnet50 } from '../../models/resnet.ts';

const published = { release: 'JetPack 5.1.1', sram: 1 } as const;

it.each<readonly [string, Parameters<typeof resnet50>[0] | undefined, object, EstimateOptions, string]>([
  ['ResNet-50 of batch 2, as published', { batch: 2 }, published, { powerMode: '30W' }, 'published cell'],
  ['another pool of SRAM', { batch: 2 }, { ...published, sram: 0.5 }, {}, 'unseen network'],
  ['FP32 bindings', { batch: 2 }, published, { bindings: 'fp32' }, 'never seen'],
  ['another module', { batch: 2 }, published, { module: 'orin-nx-16gb' }, 'never seen'],
  ['batch 1', { batch: 1 }, published, {}, 'judged network'],
  ['batch 1 in FP16', { batch: 1 }, { precision: 'fp16' }, {}, 'judged network'],
  ['batch 8', { batch: 8 }, published, {}, 'never seen'],
  ['a network that nobody measured', undefined, published, {}, 'unseen network'],
])('%s', (_, network, options, where, expected) => {
  const prepared = prepare(network === undefined ? resnet18() : resnet50(network), options);
  const compilation = compile(prepared, options);
  const estimated = estimate(compilation.network.plan, where);
  expect(estimated.evidence.class).toBe(expected);
  // Where the number stands.
  expect(estimateText([estimated])).toContain(`  ${expected}  `);
  expect(estimateText([estimated])).toContain(`Evidence, ${expected}: error ${estimated.evidence.error}`);
  const { powerMode: _mode, ...rest } = where;
  expect(reportHtml(report(prepared, compilation, rest))).toContain(`images/s</b> (${expected}: error`);
});
