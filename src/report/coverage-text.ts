/** Which tensors have an INT8 scale, as terminal text: what runs in FP16 or on the host for want of one, and what would give it one. */

import type { Microseconds } from '../base/units.ts';
import type { Remedy, ScaleCoverage } from '../quantize/coverage.ts';
import type { UnmatchedName } from '../quantize/match-names.ts';
import { formatTime, heading, paint, printable, type TextOptions } from './table.ts';

const remedies: Readonly<Record<Remedy, string>> = {
  calibrate: 'calibrate it',
  propagate: '--propagate-scales gives it that of its neighbour',
  fuse: 'calibrate it, or give it the scale 1 ("no scale; fuse"), with which DLA software from 3.13 on adds it within the launch of its convolution',
};

/** What tensors without a scale cost. */
export interface ScaleCost {
  /** As it was compiled. */
  readonly latency: Microseconds;
  /** If every tensor had a scale. */
  readonly complete: Microseconds;
  /** Module and power mode of the estimates, and the class of evidence of the first. */
  readonly where: string;
}

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

/** Empty where every tensor has a scale of its own and every name is of a tensor. `without`: where the target runs what has none. */
export function coverageText(
  { needed, missing, half, islands, fused, propagated }: ScaleCoverage,
  unmatched: readonly UnmatchedName[],
  options: TextOptions & { readonly cost?: ScaleCost | undefined; readonly without?: 'in FP16' | 'on the host' } = {},
): string {
  const { without = 'in FP16' } = options;
  const lines = [
    ...missing.map(
      ({ value, nodes, remedy }) =>
        `  ${paint('no scale', 'yellow', options)} ${printable(value)}: ${nodes.map(printable).join(', ') || 'nothing'} ${without}; ${remedies[remedy]}`,
    ),
    ...fused.map((value) => `  ${printable(value)}: no scale; added within the launch of its convolution`),
    ...[...propagated].map(([value, { from }]) => `  ${printable(value)} has the scale of ${printable(from)}`),
    ...unmatched.map(
      ({ name, kind, nearest }) =>
        `  ${printable(JSON.stringify(name))} ${reasons[kind]}${nearest.length > 0 ? `; like it: ${nearest.map(printable).join(', ')}` : ''}`,
    ),
  ];
  if (lines.length === 0) return '';
  const told = `${needed - missing.length} of ${plural(needed, 'tensor')} that ${needed === 1 ? 'needs' : 'need'} a scale have one`;
  const cost = half.size > 0 ? `; ${plural(half.size, 'node')} ${without}, in ${plural(islands.length, 'island')}` : '';
  const { cost: time } = options;
  const paid = time
    ? `: ${formatTime(time.latency)} instead of ${formatTime(time.complete)} with a scale for each (estimated, ${time.where})`
    : '';
  return [heading('Scales', options), `  ${told}${cost}${paid}`, ...lines].join('\n');
}

const reasons: Readonly<Record<UnmatchedName['kind'], string>> = {
  rewritten: 'is a tensor that rewriting took away',
  fused: 'is a name that TensorRT made when it fused layers: it is of no tensor of the ONNX network',
  unknown: 'is the name of no tensor',
};
