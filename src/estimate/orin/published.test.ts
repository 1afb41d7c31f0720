import { describe, expect, it } from 'vitest';
import { validateProgram } from '../../program/validate.ts';
import { findModule, findPowerMode } from '../../targets/find.ts';
import { orin } from '../../targets/orin.ts';
import { estimate } from '../estimate.ts';
import {
  cellsAt,
  type ErrorSummary,
  errorSummary,
  fitParameters,
  fittedNames,
  layersAt,
  leaveOneOut,
  missesOfFit,
  percent,
  presentPoint,
  relativeError,
} from '../testing/fit.ts';
import { publishedModes, publishedNetworks } from '../testing/measurements.ts';
import { fitErrors } from './evidence.ts';
import { orinParameters } from './parameters.ts';

const module = findModule(orin, 'agx-orin-64gb');

describe('what NVIDIA publishes (docs/hardware/estimate-model.md#published-throughput)', () => {
  const cells = cellsAt(presentPoint);

  it('is met by the 40 cells within 2.5 % on average and 6 % at most', () => {
    expect(cells).toHaveLength(40);
    const { mean, largest } = errorSummary(cells);
    expect(mean).toBeLessThan(0.025);
    expect(largest).toBeLessThan(0.06);
  });

  it('is met by each of the nine layers within 10 %', () => {
    const layers = layersAt(presentPoint);
    expect(layers).toHaveLength(9);
    for (const layer of layers) expect(Math.abs(relativeError(layer)), layer.name).toBeLessThan(0.1);
  });

  it('is what the estimate of the networks says', () => {
    for (const { name, sparse, plan } of publishedNetworks) {
      const made = plan();
      for (const segment of made.segments) {
        if (segment.kind === 'dla') validateProgram(segment.program, undefined, orin);
      }
      for (const mode of publishedModes) {
        const powerMode = findPowerMode(module, mode);
        const { imagesPerSecond } = estimate(made, { target: orin, module, powerMode, cores: 2 });
        const cell = cells.find((each) => each.network === name && each.sparse === sparse && each.mode === mode)!;
        expect(imagesPerSecond, `${name} ${mode}`).toBeCloseTo(cell.estimated, 9);
      }
    }
  });

  it('is of networks with as many multiply-accumulates (docs/hardware/estimate-model.md#networks)', () => {
    const gmacs = publishedNetworks
      .filter(({ sparse }) => !sparse)
      .map(({ plan }) => {
        const made = plan();
        const { layers, batch } = estimate(made, { target: orin, module, powerMode: findPowerMode(module), cores: 1 });
        return layers.reduce((sum, { macs }) => sum + macs, 0) / batch / 1e9;
      });
    expect(gmacs.map((value) => Number(value.toFixed(2)))).toEqual([201.21, 71.77, 184.8, 216.42, 4.09, 1.24]);
  });
});

describe('the fit', () => {
  const fit = fitParameters(presentPoint);
  const folds = leaveOneOut(fit);

  it('foretells a network that was left out within 5 % on average and 15 % at most, and gives the parameters of the code', () => {
    expect(missesOfFit({ fit, folds })).toEqual([]);
    expect(folds.flatMap(({ cells }) => cells)).toHaveLength(40);
  });

  it('leaves parameters within their ranges when a network is left out', () => {
    for (const name of fittedNames) {
      const { value, range } = orinParameters[name];
      const found = folds.map(({ fit: { values } }) => values[name]);
      expect(value, name).toBeGreaterThanOrEqual(range[0]);
      expect(value, name).toBeLessThanOrEqual(range[1]);
      expect(Math.min(...found) / range[0], name).toBeCloseTo(1, 1);
      expect(Math.max(...found) / range[1], name).toBeCloseTo(1, 1);
    }
  });

  it('has the errors that estimates tell', () => {
    const rounded = ({ mean, largest }: ErrorSummary) => ({ mean: percent(mean), largest: percent(largest) });
    expect(fitErrors.inSample).toEqual(rounded(errorSummary(cellsAt(presentPoint))));
    expect(fitErrors.leftOut).toEqual(rounded(errorSummary(folds.flatMap(({ cells }) => cells))));
  });
});
