/**
 * Flags of `dla compile --board` in pairs: for any two values of two flags that some command may have together there is a command
 * here that has them, and its folder is read. Two values that no command may have together are refused, and nothing is written.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { prepare } from '../../src/index.ts';
import { GraphBuilder } from '../../src/models/graph-builder.ts';
import { writeModel } from '../../src/onnx/write.ts';
import { readBoard } from './board-folder.ts';
import { cacheOf } from './examples.ts';
import { Folder } from './program.ts';

/** Networks by what is special about them on a board. */
const networks = {
  plain: (builder: GraphBuilder, x: string) => builder.conv(x, { channels: 8, kernel: 3 }),
  promoted: (builder: GraphBuilder, x: string) =>
    builder.unary('Sigmoid', builder.conv(x, { channels: 20, kernel: 3 })),
  flattened: (builder: GraphBuilder, x: string) => builder.flatten(builder.conv(x, { channels: 10, kernel: [16, 20] })),
  'gpu first': (builder: GraphBuilder, x: string) => builder.conv(builder.unary('Erf', x), { channels: 8, kernel: 3 }),
  'gpu last': (builder: GraphBuilder, x: string) => builder.unary('Erf', builder.conv(x, { channels: 8, kernel: 3 })),
} as const;

type Network = keyof typeof networks;

const build = (network: Network) => {
  const builder = new GraphBuilder(network, { seed: 5 });
  builder.output(networks[network](builder, builder.input('image', [1, 3, 16, 20])));
  return builder.build();
};

const fileOf = (network: string): string => network.replace(' ', '-');

/** Values of each flag; `default` leaves it out. */
const choices = {
  network: ['plain', 'promoted', 'flattened', 'gpu first', 'gpu last'],
  target: ['orin', 'xavier'],
  release: ['JetPack 6.0', 'JetPack 5.1.1', 'JetPack 6.2', 'DRIVE OS 6.0.9.1', 'JetPack 7.2.2'],
  precision: ['int8', 'fp16'],
  pools: ['default', '--sram 1', '--mem-pool dlaSRAM:0.25,dlaLocalDRAM:512,dlaGlobalDRAM:64'],
  sparsity: ['disable', 'enable'],
  input: ['auto', 'dla_hwc4', 'dla_linear', 'chw32', 'chw16'],
  output: ['auto', 'dla_linear', 'chw32', 'chw16', 'dla_hwc4'],
  core: ['0', '1', 'both'],
  standalone: ['no', 'yes'],
  preprocess: ['default', '--mean 0.5,0.25,0.125 --std 2'],
} as const;

type Flag = keyof typeof choices;
type Row = Readonly<{ [K in Flag]: (typeof choices)[K][number] }>;
const flags = Object.keys(choices) as Flag[];

/** The codes with which a row may be refused; none where it has to work. */
function refusals(row: Row): readonly string[] {
  const codes: string[] = [];
  const features = row.precision === 'int8' ? 'chw32' : 'chw16';
  const unsupported = [
    row.sparsity === 'enable' && (row.target === 'xavier' || row.precision === 'fp16'),
    row.input !== 'auto' && row.network === 'gpu first',
    row.input.startsWith('chw') && row.input !== features,
    row.output === 'dla_hwc4',
    row.output !== 'auto' && row.network === 'gpu last',
    row.output.startsWith('chw') && row.output !== features,
    row.standalone === 'yes' && (row.release === 'JetPack 5.1.1' || row.core === 'both'),
    row.standalone === 'yes' && row.network.startsWith('gpu'),
  ];
  if (unsupported.includes(true)) codes.push('compile/unsupported');
  if (row.target === 'xavier' && row.release !== 'JetPack 5.1.1') codes.push('target/unknown');
  return codes;
}

const words = (row: Row): readonly string[] => [
  ...['compile', `${fileOf(row.network)}.onnx`, '--board', 'board', '--target', row.target, '--release', row.release],
  ...(row.precision === 'int8' ? ['--calib', `${fileOf(row.network)}.cache`] : ['--precision', 'fp16']),
  ...[row.pools, row.preprocess].flatMap((given) => (given === 'default' ? [] : given.split(' '))),
  ...['--sparsity', row.sparsity, '--input-format', row.input, '--output-format', row.output, '--dla-core', row.core],
  ...(row.standalone === 'yes' ? ['--standalone'] : []),
];

/** Every row, one after the other. */
function* rows(at = 0, chosen: Partial<Row> = {}): Generator<Row> {
  const flag = flags[at];
  if (flag === undefined) yield chosen as Row;
  else for (const value of choices[flag]) yield* rows(at + 1, { ...chosen, [flag]: value });
}

type Pair = readonly [a: Flag, x: string, b: Flag, y: string];
const nameOf = ([a, x, b, y]: Pair): string => `${a} ${x}, ${b} ${y}`;
const holds = (row: Row, [a, x, b, y]: Pair): boolean => row[a] === x && row[b] === y;

const pairs: readonly Pair[] = flags.flatMap((a, index) =>
  flags.slice(index + 1).flatMap((b) => choices[a].flatMap((x) => choices[b].map((y): Pair => [a, x, b, y]))),
);
const pairsOf = (row: Row): readonly string[] => pairs.filter((pair) => holds(row, pair)).map(nameOf);

const working = [...rows()].filter((row) => refusals(row).length === 0);

/** Some of the rows that hold a pair, from a random one on. */
function holdersOf(pair: Pair, random: Random): readonly Row[] {
  const found: Row[] = [];
  const start = Math.floor(random.between(0, working.length));
  for (let step = 0; step < working.length && found.length < 12; step++) {
    // A stride that is prime to the count of rows meets them all, those that differ in one flag far apart.
    const row = working[(start + step * 7919) % working.length]!;
    if (holds(row, pair)) found.push(row);
  }
  return found;
}

/** Commands that hold every pair that some command may hold, and the pairs that none may. */
function covering(seed: number): { readonly read: readonly Row[]; readonly impossible: readonly Pair[] } {
  const random = new Random(seed);
  const met = new Set<string>();
  const read: Row[] = [];
  const impossible: Pair[] = [];
  for (const pair of pairs) {
    if (met.has(nameOf(pair))) continue;
    const fresh = (row: Row) => pairsOf(row).filter((name) => !met.has(name)).length;
    const [best] = holdersOf(pair, random)
      .map((row) => [row, fresh(row)] as const)
      .sort(([, m], [, n]) => n - m);
    if (best === undefined) {
      impossible.push(pair);
      continue;
    }
    read.push(best[0]);
    for (const name of pairsOf(best[0])) met.add(name);
  }
  return { read, impossible };
}

const { read, impossible } = covering(1);
const [ordinary] = working;
const refused = impossible.map(([a, x, b, y]): Row => ({ ...ordinary!, [a]: x, [b]: y }));

const folder = new Folder();
beforeAll(async () => {
  for (const network of choices.network) {
    folder.write(`${fileOf(network)}.onnx`, writeModel(build(network)));
    folder.write(`${fileOf(network)}.cache`, await cacheOf(() => prepare(build(network))));
  }
});
afterAll(() => folder.remove());

const shown = (row: Row): string => words(row).slice(1).join(' ');

describe('board flags in pairs', () => {
  it('are many, in few commands', () => {
    expect(working.length % 7919).not.toBe(0);
    expect(pairs.length - impossible.length).toBeGreaterThan(350);
    expect(read.length).toBeLessThan(80);
    expect(refused.length).toBeGreaterThan(10);
    for (const row of refused) expect(refusals(row), shown(row)).not.toEqual([]);
  });

  it.each(read.map((row) => [shown(row), row] as const))('dla compile %s', async (_, row) => {
    expect(await folder.run(...words(row))).toMatchObject({ code: undefined, status: 0 });
    const board = readBoard(folder, 'board', row.target);
    for (const file of folder.files()) if (file.startsWith('board/')) folder.delete(file);
    expect(board.release.name).toBe(row.release);
    const half = row.precision === 'fp16';
    // TensorRT 11 takes types from the network.
    const typed = row.release === 'JetPack 7.2.2';
    const packed = typed ? 'chw' : 'fp32:chw';
    const input = row.network === 'gpu first' ? packed : undefined;
    const output = row.network === 'gpu last' ? packed : undefined;
    const type = typed ? '' : half ? 'fp16:' : 'int8:';
    const features = half ? 'chw16' : 'chw32';
    expect(board.builds.map((flags) => flags.get('--useDLACore'))).toEqual(
      row.core === 'both' ? ['0', '1'] : [row.core],
    );
    expect(board.runs).toHaveLength(row.core === 'both' ? 2 : 0);
    for (const flags of board.builds) {
      expect([flags.has('--int8'), flags.has('--calib')]).toEqual([!half && !typed, !half && !typed]);
      expect(flags.has('--fp16')).toBe(!typed && (half || row.network === 'promoted'));
      expect(flags.get('--memPoolSize')).toBe(
        { default: `dlaSRAM:${row.target === 'orin' ? 0.5 : 1}`, '--sram 1': 'dlaSRAM:1' }[row.pools as string] ??
          row.pools.split(' ')[1],
      );
      expect(flags.get('--sparsity')).toBe(row.sparsity === 'enable' ? 'enable' : undefined);
      expect(flags.has('--allowGPUFallback')).toBe(row.network.startsWith('gpu'));
      expect(flags.has('--buildDLAStandalone')).toBe(row.standalone === 'yes');
      for (const flag of ['--exportProfile', '--exportLayerInfo', '--separateProfileRun']) {
        expect(flags.has(flag), flag).toBe(row.standalone === 'no');
      }
      expect(flags.get('--inputIOFormats')).toBe(input ?? `${type}${row.input === 'auto' ? 'dla_hwc4' : row.input}`);
      expect(flags.get('--outputIOFormats')).toBe(output ?? `${type}${row.output === 'auto' ? features : row.output}`);
    }
    expect(board.page.includes('mean 0.5, 0.25, 0.125, std 2, channels in the order rgb')).toBe(
      row.preprocess !== 'default',
    );
  });

  it.each(refused.map((row) => [shown(row), row] as const))('dla compile %s is refused', async (_, row) => {
    const before = folder.files();
    const { code, status } = await folder.run(...words(row));
    expect(status).toBe(2);
    expect(refusals(row)).toContain(code);
    expect(folder.files()).toEqual(before);
  });
});
