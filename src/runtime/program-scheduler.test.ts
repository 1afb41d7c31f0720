import { describe, expect, it } from 'vitest';
import { DlakitError } from '../base/errors.ts';
import type { LaunchResult } from '../device/launch.ts';
import type { Layer } from '../program/layer.ts';
import { programJob } from './program-scheduler.ts';

/** Layers that do nothing but be in some order. */
const layers = (...after: readonly (readonly number[])[]): readonly Layer[] =>
  after.map((others, id) => ({
    id,
    name: `layer ${id}`,
    origin: [],
    after: others,
    kind: 'copy',
    copy: { input: 0, inputChannel: 0, output: 1, outputChannel: 0, channels: 1 },
  }));

const result: LaunchResult = {
  writes: [],
  events: [],
  counters: { macs: 0, readBytes: 0, writtenBytes: 0, saturated: 0 },
};
const fault = new DlakitError({ code: 'device/fault', message: 'no memory there', place: {} });

function order(program: readonly Layer[]): string[] {
  const pipelines = program.map(() => ({}) as never);
  const job = programJob({ layers: program }, pipelines, { dispatch: () => result });
  const names: string[] = [];
  for (let launched = job.step(); launched; launched = job.step()) names.push(launched.layer.name);
  expect(job.step()).toBeUndefined();
  return names;
}

describe('programJob', () => {
  it('launches in order', () => {
    expect(order(layers([], [0], [0, 1]))).toEqual(['layer 0', 'layer 1', 'layer 2']);
    expect(order([])).toEqual([]);
  });

  it('keeps a layer back until what it waits for is complete', () => {
    expect(order(layers([2], [], [1], []))).toEqual(['layer 1', 'layer 2', 'layer 0', 'layer 3']);
  });

  it('names the layers that wait for one another', () => {
    expect(() => order(layers([], [3], [1], [2]))).toThrow(
      /layer layer 1: .*layer 1 waits for layer 3 waits for layer 2 waits for layer 1\) \[device\/stalled\]/,
    );
  });

  it('names a layer that waits for one that does not exist', () => {
    expect(() => order(layers([], [7]))).toThrow(/layer 1 waits for layer 7, which does not exist/);
  });

  it('says which layer a fault belongs to, at once or later', async () => {
    const program = layers([], [0]);
    const pipelines = program.map(() => ({}) as never);
    const job = programJob({ layers: program }, pipelines, {
      dispatch: () => {
        throw fault;
      },
    });
    expect(() => job.step()).toThrow('layer layer 0: no memory there [device/fault]');
    const queued = programJob({ layers: program }, pipelines, { dispatch: () => Promise.reject(fault) });
    const [first, second] = [queued.step()!, queued.step()!];
    await expect(first.result).rejects.toThrow('layer layer 0: no memory there [device/fault]');
    await expect(second.result).rejects.toThrow('layer layer 1: no memory there [device/fault]');
  });
});
