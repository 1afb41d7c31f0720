import { expect, it } from 'vitest';
import { errorSummary, fittedNames, leaveOneOut, presentPoint } from '../testing/fit.ts';
import { orinParameters } from './parameters.ts';

// Some 25 seconds.
it('foretells a network that was left out within 5 % on average and 15 % at most', { timeout: 120_000 }, () => {
  const folds = leaveOneOut(presentPoint);
  const { mean, largest } = errorSummary(folds.flatMap(({ cells }) => cells));
  expect(mean).toBeLessThan(0.05);
  expect(largest).toBeLessThan(0.15);
  for (const name of fittedNames) {
    const [low, high] = orinParameters[name].range;
    for (const { fit, network } of folds) {
      expect(fit.values[name], `${name} without ${network}`).toBeGreaterThan(low * 0.97);
      expect(fit.values[name], `${name} without ${network}`).toBeLessThan(high * 1.03);
    }
  }
});
