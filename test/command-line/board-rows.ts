/**
 * The flags of `dla compile --board`, the values that each may have, and commands that hold every two values of two flags that some
 * command may hold: generated, in as few commands as a greedy search finds.
 */

import { Random } from '../../src/base/random.ts';
import { buildsLoadables, releaseNames } from './trtexec-options.ts';

/** Values of each flag; `default` leaves it out. */
export const choices = {
  network: ['plain', 'promoted', 'flattened', 'gpu first', 'gpu last', 'quantized'],
  target: ['orin', 'xavier'],
  release: releaseNames,
  /** INT8 with a scale for every tensor, INT8 without one at the end, or FP16. */
  precision: ['int8', 'partial', 'fp16'],
  layers: ['default', 'last:fp16'],
  pools: ['default', '--sram 1', '--mem-pool dlaSRAM:0.25,dlaLocalDRAM:512,dlaGlobalDRAM:64'],
  sparsity: ['disable', 'enable'],
  input: ['auto', 'dla_hwc4', 'dla_linear', 'chw32', 'chw16'],
  output: ['auto', 'dla_linear', 'chw32', 'chw16', 'dla_hwc4'],
  core: ['0', '1', 'both'],
  standalone: ['no', 'yes', 'cudla'],
  preprocess: ['default', '--mean 0.5,0.25,0.125 --std 2'],
} as const;

type Flag = keyof typeof choices;
export type Row = Readonly<{ [K in Flag]: (typeof choices)[K][number] }>;

const flags = Object.keys(choices) as Flag[];

/** Whether the network's output is FP16. */
export const isHalfAtTheEnd = ({ network, precision, layers }: Row): boolean =>
  precision !== 'int8' || (layers !== 'default' && network !== 'promoted');

/** The codes with which a row may be refused; none where it has to work. */
export function refusals(row: Row): readonly string[] {
  const codes: string[] = [];
  const ends = isHalfAtTheEnd(row) ? 'chw16' : 'chw32';
  const unsupported = [
    row.sparsity === 'enable' && (row.target === 'xavier' || row.precision === 'fp16'),
    row.layers !== 'default' && row.precision === 'fp16',
    row.input !== 'auto' && row.network === 'gpu first',
    row.input.startsWith('chw') && row.input !== (row.precision === 'fp16' ? 'chw16' : 'chw32'),
    row.output === 'dla_hwc4',
    row.output !== 'auto' && row.network === 'gpu last',
    row.output.startsWith('chw') && row.output !== ends,
    row.standalone !== 'no' && (!buildsLoadables(row.release) || row.core === 'both'),
    row.standalone !== 'no' && row.network.startsWith('gpu'),
  ];
  if (unsupported.includes(true)) codes.push('compile/unsupported');
  if (row.target === 'xavier' && row.release !== 'JetPack 5.1.1') codes.push('target/unknown');
  return codes;
}

type Pair = readonly [a: Flag, x: string, b: Flag, y: string];

const pairs: readonly Pair[] = flags.flatMap((a, index) =>
  flags.slice(index + 1).flatMap((b) => choices[a].flatMap((x) => choices[b].map((y): Pair => [a, x, b, y]))),
);

const pairsOf = (row: Row): readonly string[] =>
  flags.flatMap((a, index) => flags.slice(index + 1).map((b) => `${a} ${row[a]}, ${b} ${row[b]}`));

const works = (row: Row): boolean => refusals(row).length === 0;
const changed = (row: Row, flag: Flag, value: string): Row => ({ ...row, [flag]: value });
const ordinary = Object.fromEntries(flags.map((flag) => [flag, choices[flag][0]])) as Row;

/** A command that holds a pair, with at most two other flags changed; undefined where none of those works. */
function holderOf([a, x, b, y]: Pair): Row | undefined {
  const start = changed(changed({ ...ordinary, release: 'JetPack 6.0' }, a, x), b, y);
  const others = flags.filter((flag) => flag !== a && flag !== b);
  const variants = (row: Row): readonly Row[] =>
    others.flatMap((flag) => choices[flag].map((value) => changed(row, flag, value)));
  if (works(start)) return start;
  const once = variants(start);
  return once.find(works) ?? once.flatMap(variants).find(works);
}

export interface Covering {
  /** Commands that work, which together hold every pair that one can. */
  readonly working: readonly Row[];
  /** One for each pair that no command that works holds. */
  readonly refused: readonly Row[];
  readonly pairs: number;
}

export function covering(seed: number): Covering {
  const random = new Random(seed);
  const met = new Set<string>();
  const [working, refused]: [Row[], Row[]] = [[], []];
  const fresh = (row: Row): number => pairsOf(row).filter((name) => !met.has(name)).length;
  for (const pair of pairs) {
    const [a, x, b, y] = pair;
    if (met.has(`${a} ${x}, ${b} ${y}`)) continue;
    let row = holderOf(pair);
    if (row === undefined) {
      refused.push(changed(changed({ ...ordinary, release: 'JetPack 6.0' }, a, x), b, y));
      continue;
    }
    const open = flags.filter((flag) => flag !== a && flag !== b);
    for (let round = 0; round < 2; round++) {
      for (const flag of open.toSorted(() => random.between(-1, 1))) {
        const better = choices[flag].map((value) => changed(row!, flag, value)).filter(works);
        row = better.reduce((best, each) => (fresh(each) > fresh(best) ? each : best), row);
      }
    }
    working.push(row);
    for (const name of pairsOf(row)) met.add(name);
  }
  return { working, refused, pairs: pairs.length };
}
