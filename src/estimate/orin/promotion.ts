/**
 * A table of int8 is one step of a launch here. The board has no such table: Sigmoid and Tanh run in FP16, also in an INT8 network
 * (docs/hardware/orin.md#activation), so the launch ends before them, its result is converted, looked up and converted back, and what
 * multiplies the two, as SiLU does, is a launch of its own again. x · clip(a·x + b), as HardSwish is written, is two launches of INT8.
 * Nothing of this was measured: each launch is priced as a point-wise one that reads and writes what it must.
 */

import { type Bytes, bytes, type Microseconds, microseconds } from '../../base/units.ts';
import type { LayerCost, LayerWork } from './layer-cost.ts';

interface PromotedLaunch {
  readonly what: string;
  readonly work: LayerWork;
}

/** Operators of a table that run in FP16. */
const inHalf: ReadonlySet<string> = new Set(['Sigmoid', 'Tanh']);

/** The launches of a layer with a table: its own, and those that it needs besides. */
export interface SplitWork {
  readonly own: LayerWork;
  readonly besides: readonly PromotedLaunch[];
}

export function promotedLaunches(work: LayerWork): SplitWork {
  const { table = [], conv, operand, output } = work;
  const size = output.size;
  const point = (what: string, from: number, to: number, second?: number): PromotedLaunch => ({
    what,
    work: pointWork(work, bytes(from), bytes(to), second === undefined ? undefined : bytes(second)),
  });
  const launches: PromotedLaunch[] = [];
  for (const [index, operator] of table.entries()) {
    if (inHalf.has(operator)) {
      launches.push(
        point('conversion to FP16', size, 2 * size),
        point(`${operator} in FP16`, 2 * size, 2 * size),
        point('conversion to INT8', 2 * size, size),
      );
    } else if (operator === 'Clip') launches.push(point('Clip', size, size));
    else if (operator === 'Mul' && index > 0) launches.push(point('Mul', size, size, size));
  }
  // A layer that is nothing but its table has the last of them for its own launch.
  const last = conv === undefined && operand === undefined ? launches.at(-1) : undefined;
  return last ? { own: last.work, besides: launches.slice(0, -1) } : { own: work, besides: launches };
}

/** The launches of one kind that layers need besides their own. */
export interface PromotedKind {
  readonly what: string;
  readonly count: number;
  readonly time: Microseconds;
}

export function promotedKinds(layers: readonly Pick<LayerCost, 'promoted'>[]): readonly PromotedKind[] {
  const kinds = new Map<string, PromotedKind>();
  for (const { what, total } of layers.flatMap(({ promoted = [] }) => promoted)) {
    const { count, time } = kinds.get(what) ?? { count: 0, time: 0 };
    kinds.set(what, { what, count: count + 1, time: microseconds(time + total) });
  }
  return [...kinds.values()];
}

function pointWork(work: LayerWork, input: Bytes, output: Bytes, operand: Bytes | undefined): LayerWork {
  const { batch, elements, sramFree, output: written } = work;
  const tensor = (size: Bytes) => ({ size, resident: written.resident && size <= sramFree });
  return {
    engine: 'cpipe',
    batch,
    elements,
    input: tensor(input),
    ...(operand !== undefined && { operand: tensor(operand) }),
    output: tensor(output),
    sramFree,
  };
}
