import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, gigabytesPerSecond, mebibytes } from '../../base/units.ts';
import { sheetDefault, sheetEstimate } from './sheet.ts';
import { sheetAlexNet, sheetGoogLeNet, sheetResNet50 } from './sheet-networks.ts';

describe('the published figures of the spreadsheet', () => {
  const sram = {
    capacity: mebibytes(4),
    read: gigabytesPerSecond(25),
    write: gigabytesPerSecond(25),
  };

  // "Performance Summary" and the tabs' totals.
  it.each([
    ['ResNet-50', sheetResNet50, sheetDefault, 7_113_691],
    ['AlexNet', sheetAlexNet, sheetDefault, 895_443.5625],
    ['AlexNet with 4 MB SRAM', sheetAlexNet, { ...sheetDefault, sram }, 591_475.5625],
    ['GoogLeNet', sheetGoogLeNet, sheetDefault, 1_222_071],
  ] as const)('%s: %s cycles, exactly', (_, network, system, total) => {
    expect(sheetEstimate(network, system).total).toBe(total);
  });

  it('ResNet-50: 140.574 images a second, 26.745 % of the multiplications that the core could do', () => {
    const { imagesPerSecond, utilisation } = sheetEstimate(sheetResNet50);
    expect(imagesPerSecond).toBe(140.57400019202407);
    expect(utilisation).toBeCloseTo(0.26745496817334347, 15);
    expect(sheetEstimate(sheetAlexNet).utilisation).toBeCloseTo(0.39501569997048253, 15);
  });

  // nvdla/doc primer.rst, "Example Area and Performance with NVDLA": published to two or three digits.
  it.each([
    [2048, 512, 20, 269],
    [1024, 256, 15, 153],
    [512, 256, 10, 93],
    [256, 256, 5, 46],
    [128, 256, 2, 20],
    [64, 128, 1, 7.3],
    [32, 128, 0.5, 3.6],
  ])(
    'the primer: %i multipliers, %i KB, %d GB/s: %d images a second within 1.5 %%',
    (macs, buffer, dram, published) => {
      const system = { ...sheetDefault, macs, buffer: bytes(buffer * 1024), dram: gigabytesPerSecond(dram) };
      expect(Math.abs(sheetEstimate(sheetResNet50, system).imagesPerSecond / published - 1)).toBeLessThan(0.015);
    },
  );
});

describe('a sheet estimate', () => {
  const system = fc.record({
    macs: fc.integer({ min: 1, max: 4096 }),
    buffer: fc.integer({ min: 128, max: 1024 }).map((size) => bytes(size * 1024)),
    dram: fc.integer({ min: 1, max: 100 }).map(gigabytesPerSecond),
  });
  const network = fc.constantFrom(sheetAlexNet, sheetGoogLeNet, sheetResNet50);

  it('adds up, and each layer takes its longest', () => {
    fc.assert(
      fc.property(network, system, (of, some) => {
        const { layers, total } = sheetEstimate(of, { ...sheetDefault, ...some });
        expect(layers.reduce((sum, layer) => sum + layer.total, 0)).toBe(total);
        for (const { macCycles, dramCycles, sramCycles, total: longest, bound } of layers) {
          expect(longest).toBe({ mac: macCycles, dram: dramCycles, sram: sramCycles }[bound]);
          expect(longest).toBe(Math.max(macCycles, dramCycles, sramCycles));
        }
      }),
      { numRuns: 50 },
    );
  });

  it('is never slower with more of anything', () => {
    fc.assert(
      fc.property(network, system, fc.constantFrom('macs', 'buffer', 'dram'), (of, some, what) => {
        const before = sheetEstimate(of, { ...sheetDefault, ...some }).total;
        const after = sheetEstimate(of, { ...sheetDefault, ...some, [what]: 2 * some[what] }).total;
        expect(after).toBeLessThanOrEqual(before);
      }),
      { numRuns: 100 },
    );
  });
});
