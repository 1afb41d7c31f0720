import { describe, expect, it } from 'vitest';
import { DlakitError } from '../../../base/errors.ts';
import type { Pdp } from '../../../program/layer.ts';
import { Bus } from '../../bus.ts';
import type { Cube, Launch } from '../../launch.ts';
import { checkPipeline, watchdogSteps } from './check-pipeline.ts';

const base = 0x8000_0000n;

const cube = (address: bigint, width: number, changes: Partial<Cube> = {}): Cube => ({
  address,
  shape: [1, 8, 2, width],
  dtype: 'int8',
  format: 'chw8',
  lineStride: 8 * width,
  surfaceStride: 16 * width,
  batchStride: 0,
  size: 16 * width,
  ...changes,
});

const pooling = (input: Cube, output: Cube): Launch => {
  const one = { h: 1, w: 1 };
  const padding = { top: 0, left: 0, bottom: 0, right: 0 };
  const pdp: Pdp<Cube> = { input, output, mode: 'max', kernel: one, stride: one, padding, countPadding: true };
  return { kind: 'pdp', pdp };
};

const bus = new Bus();
bus.map(base, 0x1000);

function check(pipeline: Launch, watchdog = watchdogSteps): string | undefined {
  try {
    checkPipeline(pipeline, bus, watchdog);
    return undefined;
  } catch (error) {
    if (error instanceof DlakitError) return `${error.problem.code}: ${error.problem.message}`;
    throw error;
  }
}

describe('a pipeline that is about to be launched', () => {
  const [input, output] = [cube(base, 4), cube(base + 0x800n, 4)];

  it('lies in memory, to its last byte', () => {
    expect(check(pooling(input, output))).toBeUndefined();
    expect(check(pooling(input, cube(base + 0xfc0n, 4)))).toBeUndefined();
    for (const wrong of [cube(base + 0xfc8n, 4), cube(base - 8n, 4), cube(2n ** 64n - 8n, 4), cube(0n, 4)]) {
      expect(check(pooling(input, wrong))).toBe('device/fault: an access leaves the memory of the task');
      expect(check(pooling(wrong, output))).toBe('device/fault: an access leaves the memory of the task');
    }
  });

  it('has lines that do not overlap', () => {
    for (const lineStride of [0, 8, 31]) {
      expect(check(pooling(input, cube(base, 4, { lineStride })))).toBe(
        'device/fault: the pooling output: the line stride is too small',
      );
    }
    // A cube of one line needs no line stride.
    const flat = { lineStride: 0, shape: [1, 8, 1, 4] } as const;
    expect(check(pooling(cube(base, 4, flat), cube(base, 4, flat)))).toBeUndefined();
  });

  it('is no more work than the watchdog waits for, however often it comes', () => {
    const pipeline = pooling(input, output);
    for (let round = 0; round < 2; round++) {
      expect(check(pipeline, 63)).toBe('device/timeout: a launch is more work than the watchdog waits for');
      expect(check(pipeline, 64)).toBeUndefined();
    }
  });

  it('is looked for in the memory of the task that launches it', () => {
    const pipeline = pooling(input, output);
    expect(check(pipeline)).toBeUndefined();
    expect(bus.within([], () => check(pipeline))).toBe('device/fault: an access leaves the memory of the task');
    expect(check(pipeline)).toBeUndefined();
  });
});
