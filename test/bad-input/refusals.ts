/** A workspace with a sound model, its ranges and loadables, in which commands are given what is not. */

import { afterAll, beforeAll, expect } from 'vitest';
import { writeCalibrationCache } from '../../src/index.ts';
import { Workspace } from './command-line.ts';
import { convolution, model } from './models.ts';

export const demo = new URL('../../models/fashion-resnet20.onnx', import.meta.url).pathname;

export interface Refusals {
  readonly work: Workspace;
  /** The one line on standard error; fails unless the command refused as a command should. */
  readonly refusal: (...args: readonly string[]) => Promise<string>;
}

export function refusals(): Refusals {
  const work = new Workspace();
  beforeAll(async () => {
    work.write('sound.onnx', model(convolution()));
    work.write('image.bin', new Uint8Array(3 * 8 * 8 * 4));
    const values = ['image', 'conv:out', 'relu:out'];
    work.write('sound.cache', writeCalibrationCache(new Map(values.map((value) => [value, 1 / 64]))));
    for (const args of [
      ['compile', 'sound.onnx', '--calib', 'sound.cache', '--output', 'sound.dla', '--board', 'board'],
      ['compile', 'sound.onnx', '--target', 'xavier', '--output', 'xavier.dla'],
      ['compile', demo, '--batch', '50', '--output', 'demo.dla'],
    ]) {
      const { status, stderr } = await work.run(...args);
      expect(status, stderr).toBe(0);
    }
  });
  afterAll(() => work.remove());
  return {
    work,
    refusal: async (...args) => {
      const before = work.listing();
      const { status, signal, stdout, stderr } = await work.run(...args);
      expect({ status, signal, stdout, stack: /^\s+at /m.test(stderr) }, stderr).toEqual({
        status: 2,
        signal: null,
        stdout: '',
        stack: false,
      });
      expect(work.listing()).toEqual(before);
      const lines = stderr.trimEnd().split('\n');
      expect(lines, stderr).toHaveLength(1);
      return lines[0]!;
    },
  };
}
