import { readFileSync } from 'node:fs';
import { it } from 'vitest';
import { readModel } from '../onnx/read.ts';
import { findRelease, findTarget } from '../targets/index.ts';
import { check } from './check.ts';

it('x', () => {
  const g = readModel(readFileSync('models/fashion-resnet20.onnx'));
  const target = findTarget('orin');
  const r = check(g, { target, release: findRelease(target), precision: 'int8' });
  console.log(JSON.stringify(r, null, 1).slice(0, 4000));
});
