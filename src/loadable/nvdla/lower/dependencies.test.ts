/**
 * That the few slots of the dependency graph are enough: whatever layers wait for each other, none that reads memory is
 * enabled before all that it waits for is complete, however fast engines and read DMAs run ahead.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Layer } from '../../../program/layer.ts';
import { type CommonDesc, events, type OperationType, operationTypes } from '../format/descriptors.ts';
import type { TaskDescriptors } from '../format/task-descriptors.ts';
import { checkDependencies } from '../validate/dependency.ts';
import { Findings } from '../validate/findings.ts';
import { dependencies, type LayerOperations } from './dependencies.ts';

/** A layer's stages, and whether its SDP reads memory beside what flies to it. */
interface Sketch {
  readonly types: readonly OperationType[];
  readonly operand: boolean;
  /** Which of the earlier layers it waits for: a bit each. */
  readonly after: number;
}

const sketches = fc.array(
  fc.record({
    types: fc.constantFrom<readonly OperationType[]>(
      ['conv', 'sdp'],
      ['conv', 'sdp'],
      ['conv', 'sdp', 'pdp'],
      ['sdp'],
      ['sdp', 'pdp'],
      ['pdp'],
      ['cdp'],
      ['rubik'],
      ['bdma'],
    ),
    operand: fc.boolean(),
    after: fc.nat({ max: 2 ** 20 - 1 }),
  }),
  { minLength: 1, maxLength: 20 },
);

function layersOf(sketch: readonly Sketch[]): readonly LayerOperations[] {
  let first = 0;
  return sketch.map(({ types, operand, after }, id) => {
    const [kind] = types;
    const sdp = {
      arithmetic: 'integer-scale',
      ...(kind === 'sdp' && { input: 0 }),
      ...(operand && { x1: { operand: 0 } }),
    };
    // Dense and sparse waits alike.
    const ids = [...Array(id).keys()].filter((earlier) => (after >> ((earlier * 7 + id * 3) % 20)) & 1);
    const layer = { kind, id, sdp, after: ids } as unknown as Layer;
    const entry = { layer, first, types };
    first += types.length;
    return entry;
  });
}

/** For each operation, those that are complete before it is enabled. */
function completeBefore(common: readonly CommonDesc[]): readonly ReadonlySet<number>[] {
  const named = common.map((): { from: number; event: number }[] => []);
  for (const [from, { consumers, fusedParent }] of common.entries()) {
    for (const { index, event } of [...consumers, fusedParent]) if (index >= 0) named[index]!.push({ from, event });
  }
  const previous = common.map(({ opType }, index) =>
    common.findLastIndex((other, at) => at < index && other.opType === opType),
  );
  const known = common.map((): Set<number> | undefined => undefined);
  const before = (index: number): ReadonlySet<number> => {
    const found = known[index];
    if (found) return found;
    const set = new Set<number>();
    known[index] = set;
    const add = (others: ReadonlySet<number>): void => {
      for (const other of others) set.add(other);
    };
    for (const { from, event } of named[index]!) {
      if (event === events.programmed) continue;
      // Who is enabled, or complete, had all that he waits for.
      add(before(from));
      if (event !== events.completed) continue;
      // An engine completes its operations in order.
      for (let at = from; at >= 0; at = previous[at]!) set.add(at);
    }
    return set;
  };
  return common.map((_, index) => before(index));
}

function readsMemory({ layer, types }: LayerOperations, stage: number): boolean {
  if (stage === 0) return true;
  return types[stage] === 'sdp' && 'sdp' in layer && 'x1' in layer.sdp;
}

describe('dependencies', () => {
  it('enable nothing that reads memory before what it waits for is complete', () => {
    let waits = 0;
    fc.assert(
      fc.property(sketches, (sketch) => {
        const layers = layersOf(sketch);
        const complete = completeBefore(dependencies(layers).common);
        for (const own of layers) {
          for (const id of own.layer.after) {
            const final = layers[id]!.first + layers[id]!.types.length - 1;
            for (const stage of own.types.keys()) {
              if (!readsMemory(own, stage)) continue;
              waits++;
              expect(complete[own.first + stage]!.has(final), `layer ${own.layer.id} after ${id}`).toBe(true);
            }
          }
        }
      }),
      { numRuns: 500 },
    );
    expect(waits).toBeGreaterThan(1000);
  });

  it('are counted, linked and free of circles, with two register groups to an engine', () => {
    fc.assert(
      fc.property(sketches, (sketch) => {
        const layers = layersOf(sketch);
        const { common, heads } = dependencies(layers);
        const operations = layers.flatMap(({ types, first }) =>
          types.map((type, stage) => ({
            type,
            index: first + stage,
            common: common[first + stage]!,
            op: { lutIndex: -1 },
            surfaces: { src: { type: stage === 0 ? 0 : 2 }, dst: { type: stage + 1 < types.length ? 2 : 0 } },
          })),
        );
        const task = { network: { opHead: heads }, operations, luts: [] } as unknown as TaskDescriptors;
        const findings = new Findings();
        checkDependencies(task, findings);
        expect(findings.problems).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('leave the slots of engines that nobody waits on empty', () => {
    const { common, heads } = dependencies(layersOf([{ types: ['conv', 'sdp'], operand: false, after: 0 }]));
    expect(heads).toEqual([-1, 0, 1, -1, -1, -1]);
    expect(common.map(({ dependencyCount }) => dependencyCount)).toEqual([1, 1]);
    const named = common.map(({ consumers }) => consumers.map(({ index }) => index));
    expect(named).toEqual([
      [-1, -1, 1, -1, -1, -1],
      [-1, -1, -1, -1, -1, -1],
    ]);
    expect(operationTypes[2]).toBe('sdp');
  });
});
