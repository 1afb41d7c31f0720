/**
 * Runs NVDLA conformance data through the device and compares every byte. The data comes in folders of four forms: register
 * traces, loadables of single operations, loadables of networks with the cube after every operation, and the regression
 * loadables of nvdla/sw. A subset of the second and third is committed under fixtures/nvdla; the rest is looked for in
 * the folder that DLAKIT_NVDLA_DATA names, or else in ../shared/nvdla beside the repository.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { DlakitError } from '../../src/base/errors.ts';
import { Bus } from '../../src/device/bus.ts';
import { referenceEngines } from '../../src/device/engines/reference/engines.ts';
import { createWasmEngines } from '../../src/device/engines/wasm/engines.ts';
import type { Launch } from '../../src/device/launch.ts';
import { NvdlaDevice } from '../../src/device/nvdla/nvdla-device.ts';
import { playTrace } from '../../src/device/nvdla/trace/player.ts';
import { parseTrace, printTrace } from '../../src/device/nvdla/trace/trace-program.ts';
import { playTxn } from '../../src/device/nvdla/trace/txn-player.ts';
import { parseTxn, printTxn } from '../../src/device/nvdla/trace/txn-program.ts';
import type { ImmediateEngines } from '../../src/device/state.ts';
import type { InterfaceMinor } from '../../src/loadable/nvdla/format/descriptors.ts';
import {
  decodeStockLoadable,
  encodeStockLoadable,
  memoryFlags,
  type StockLoadable,
  type TensorDesc,
} from '../../src/loadable/nvdla/format/stock-loadable.ts';
import { liftLoadable } from '../../src/loadable/nvdla/lift/loadable.ts';
import { lowerNetwork } from '../../src/loadable/nvdla/lower/program.ts';
import { parseProgram } from '../../src/program/parse.ts';
import { printProgram } from '../../src/program/print.ts';
import { openDevice } from '../../src/runtime/device.ts';
import { dimg } from '../../src/runtime/nvdla/dimg.ts';
import { StockNetwork } from '../../src/runtime/nvdla/user-driver.ts';
import { targets } from '../../src/targets/find.ts';
import { nvFull, nvLarge, nvSmall } from '../../src/targets/nvdla.ts';
import { isNvdla, type NvdlaTarget } from '../../src/targets/target.ts';

export const fixtures = fileURLToPath(new URL('../fixtures/nvdla', import.meta.url));

/** The folder of the full data, or undefined with a line for the person who reads the test's output. */
export function conformanceData(): string | undefined {
  const named = process.env.DLAKIT_NVDLA_DATA;
  if (named !== undefined) {
    if (!existsSync(named)) throw new Error(`DLAKIT_NVDLA_DATA names ${named}, which is not there`);
    return named;
  }
  const beside = fileURLToPath(new URL('../../../shared/nvdla', import.meta.url));
  if (existsSync(beside)) return beside;
  console.log(
    'NVDLA conformance data is absent: traces come from nvdla/hw (verif/tests/trace_tests), regression loadables from nvdla/sw ' +
      '(regression/); set DLAKIT_NVDLA_DATA to a folder with traces/, regression/ and cmodel/. The committed subset runs.',
  );
  return undefined;
}

/** `pass`, or why not. `unsupported` is a refusal by name; anything else is wrong. */
type Outcome =
  | { readonly kind: 'pass' }
  | { readonly kind: 'unsupported'; readonly reason: string }
  | { readonly kind: 'fail'; readonly reason: string };

export interface Case {
  readonly name: string;
  /** What the counts are kept by: configuration and kind. */
  readonly group: string;
  /** Whether it runs a loadable, and so in every way of {@link ways}. */
  readonly isLoadable: boolean;
  run(engines: EnginesFor, way: Way): Promise<Outcome>;
}

/** What becomes of the bytes of a loadable before it runs. */
export type Way = (bytes: Uint8Array, target: NvdlaTarget) => StockLoadable;

export const ways = {
  'as stored': decodeStockLoadable,
  'decoded, encoded and decoded': (bytes) => decodeStockLoadable(encodeStockLoadable(decodeStockLoadable(bytes))),
  'lifted, printed, parsed and lowered': (bytes, target) => liftedAndLowered(bytes, target, 12),
  'lifted, printed, parsed and lowered to interface 0.10': (bytes, target) => liftedAndLowered(bytes, target, 10),
} satisfies Readonly<Record<string, Way>>;

/** @param wanted the interface; where the emulator scales integers 0.12, whose descriptors alone have scales */
function liftedAndLowered(bytes: Uint8Array, target: NvdlaTarget, wanted: InterfaceMinor): StockLoadable {
  const { blobs, ...network } = liftLoadable(decodeStockLoadable(bytes), target);
  const scaled = network.tasks.some(
    (task) => task.kind === 'emulator' && task.operations.some(({ inputScale }) => inputScale !== 1),
  );
  const minor = scaled ? 12 : wanted;
  const tasks = network.tasks.map((task) =>
    task.kind === 'dla' ? { ...task, program: parseProgram(printProgram(task.program)) } : task,
  );
  return lowerNetwork({ ...network, tasks }, blobs, target, { minor });
}

/** Makes the engines that a case runs on, for its memory. */
export type EnginesFor = (bus: Bus) => ImmediateEngines | Promise<ImmediateEngines>;

export const enginesNamed = {
  reference: () => referenceEngines(),
  kernels: (bus) => createWasmEngines(bus, { threads: 1 }),
} satisfies Readonly<Record<string, EnginesFor>>;

const folders = (root: string): readonly string[] =>
  readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();

/** The configuration that a name says, between underscores or at an end; the longest where one begins another. */
function targetOf(name: string): NvdlaTarget {
  const stated = /(?:^|_)(nv_(?:small|medium|large|full)(?:_\d+)?(?:_full)?)(?=_|$)/.exec(name)?.[1];
  const target = targets.filter(isNvdla).find(({ name }) => name === stated);
  if (!target) throw new Error(`${name} names no configuration that is known`);
  return target;
}

async function device(target: NvdlaTarget, enginesFor: EnginesFor): Promise<NvdlaDevice> {
  const bus = new Bus();
  return new NvdlaDevice({ target, bus, engines: await enginesFor(bus) });
}

async function load(
  loadable: StockLoadable,
  target: NvdlaTarget,
  engines: EnginesFor,
): Promise<{ readonly network: StockNetwork; readonly bus: Bus }> {
  const { driver, bus } = await openDevice({ target, engines });
  return { network: new StockNetwork(loadable, driver), bus };
}

async function outcome(work: () => Promise<string | undefined>): Promise<Outcome> {
  try {
    const reason = await work();
    return reason === undefined ? { kind: 'pass' } : { kind: 'fail', reason };
  } catch (error) {
    if (!(error instanceof DlakitError)) throw error;
    const { code, message } = error.problem;
    return code === 'device/unsupported'
      ? { kind: 'unsupported', reason: message }
      : { kind: 'fail', reason: error.message };
  }
}

/** The first byte that differs, or undefined. */
function difference(actual: Uint8Array, expected: Uint8Array, what: string): string | undefined {
  if (actual.length !== expected.length) return `${what} has ${actual.length} bytes instead of ${expected.length}`;
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  return at < 0 ? undefined : `${what} differs from byte ${at}: ${actual[at]} instead of ${expected[at]}`;
}

/** Whether two traces have the same commands, on whatever lines. */
const isSame = (a: readonly object[], b: readonly object[]): boolean =>
  isDeepStrictEqual(
    a.map((command) => ({ ...command, line: 0 })),
    b.map((command) => ({ ...command, line: 0 })),
  );

/** `<root>/<configuration>/<name>/<name>.cfg` */
export function traceCases(root: string): readonly Case[] {
  const target = targetOf(basename(root));
  return folders(root).map((name) => ({
    name,
    group: `${target.name} trace ${name.replace(/_.*/, '')}`,
    isLoadable: false,
    run: (engines) =>
      outcome(async () => {
        const trace = parseTrace(readFileSync(join(root, name, `${name}.cfg`), 'utf8'), `${name}.cfg`);
        if (!isSame(parseTrace(printTrace(trace)), trace)) return 'the trace changes when it is printed';
        const { checks } = playTrace(trace, await device(target, engines), {
          file: `${name}.cfg`,
          load: (file) => readFileSync(join(root, name, file), 'utf8'),
        });
        return checks > 0 ? undefined : 'the trace checks nothing';
      }),
  }));
}

/** `<root>/<name>/input.txn` for nv_full; where no memory is dumped, what BDMA copied is compared with its source. */
export function txnCases(root: string): readonly Case[] {
  return folders(root).map((name) => ({
    name,
    group: `nv_full bench ${name.replace(/_.*|\d+/g, '')}`,
    isLoadable: false,
    run: (engines) =>
      outcome(async () => {
        const trace = parseTxn(readFileSync(join(root, name, 'input.txn'), 'utf8'), 'input.txn');
        if (!isSame(parseTxn(printTxn(trace)), trace)) return 'the trace changes when it is printed';
        const bus = new Bus();
        const launches: Launch[] = [];
        const subject = new NvdlaDevice({
          target: nvFull,
          bus,
          engines: await engines(bus),
          pace: 'stepped',
          onLaunch: (pipeline) => launches.push(pipeline),
        });
        const { checks } = playTxn(trace, subject, {
          file: 'input.txn',
          load: (file) => readFileSync(join(root, name, file), 'utf8'),
        });
        if (checks === 0) return 'the trace checks nothing';
        return launches.map((pipeline) => uncopied(pipeline, bus)).find((reason) => reason !== undefined);
      }),
  }));
}

function uncopied(pipeline: Launch, bus: Bus): string | undefined {
  if (pipeline.kind !== 'transfer') return undefined;
  for (const { source, destination, lineBytes, lines } of pipeline.transfers) {
    for (let line = 0; line < lines; line++) {
      const from = bus.read(source.address + BigInt(line * source.lineStride), lineBytes);
      const to = bus.read(destination.address + BigInt(line * destination.lineStride), lineBytes);
      if (from.every((byte) => byte === 0)) return 'the source of a copy is empty';
      const found = difference(to, from, `line ${line} of a copy`);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** `<root>/<configuration>_<KIND>_…/model_v10.nvdla, model_v12.nvdla, o.out0.raw` */
export function operationCases(root: string): readonly Case[] {
  return folders(root).flatMap((name) =>
    (['v10', 'v12'] as const).map((version) => ({
      name: `${name} ${version}`,
      group: `${targetOf(name).name} operation ${/_([A-Z]+)_/.exec(name)?.[1] ?? 'other'}`,
      isLoadable: true,
      run: (engines, way) =>
        outcome(async () => {
          const target = targetOf(name);
          const loadable = way(readFileSync(join(root, name, `model_${version}.nvdla`)), target);
          const { network } = await load(loadable, target, engines);
          await network.submit();
          return difference(network.read(0), readFileSync(join(root, name, 'o.out0.raw')), 'the output');
        }),
    })),
  );
}

/** `<root>/<network>__<configuration>_…/model.nvdla, input0.raw, out0.raw, ops/` */
export function networkCases(root: string): readonly Case[] {
  return folders(root).map((name) => ({
    name,
    group: `${targetOf(name).name} network ${/_((?:int8|int16|fp16)_[a-z]+)_/.exec(name)?.[1]?.replace('_', ' ') ?? 'other'}`,
    isLoadable: true,
    run: (engines, way) => outcome(() => runNetwork(join(root, name), targetOf(name), engines, way)),
  }));
}

async function runNetwork(
  folder: string,
  target: NvdlaTarget,
  engines: EnginesFor,
  way: Way,
): Promise<string | undefined> {
  const cubes = readFileSync(join(folder, 'ops', 'ops.txt'), 'utf8')
    .split('\n')
    .flatMap((line) => /file=(\S+)/.exec(line)?.[1] ?? []);
  const wrong: string[] = [];
  const loadable = way(readFileSync(join(folder, 'model.nvdla')), target);
  const { network, bus } = await load(loadable, target, engines);
  for (const { bindId } of network.inputs) network.write(bindId, readFileSync(join(folder, `input${bindId}.raw`)));
  await network.submit({
    onLaunch({ result }) {
      const file = cubes.shift();
      const [cube] = result.writes;
      if (!file || !cube) return;
      const expected = readFileSync(join(folder, 'ops', file));
      const found = difference(bus.read(cube.address, expected.length), expected, file);
      if (found !== undefined) wrong.push(found);
    },
  });
  if (wrong.length > 0) return wrong[0];
  if (cubes.length > 0) return `${cubes.length} operations never wrote their cube`;
  return network.outputs
    .map(({ bindId }) =>
      difference(network.read(bindId), readFileSync(join(folder, `out${bindId}.raw`)), `output ${bindId}`),
    )
    .find((reason) => reason !== undefined);
}

/** `<root>/flatbufs/kmd/<KIND>/<NAME>_fbuf` with `<root>/golden/<NAME>_<hash>/dla/o_000000.dimg` */
export function regressionCases(root: string): readonly Case[] {
  const goldens = folders(join(root, 'golden'));
  const kmd = join(root, 'flatbufs', 'kmd');
  return folders(kmd).flatMap((kind) =>
    readdirSync(join(kmd, kind)).map((file) => {
      const name = file.replace(/_fbuf$/, '');
      const target = name.endsWith('_small') ? nvSmall : name.endsWith('_large') ? nvLarge : nvFull;
      return {
        name,
        group: `${target.name} regression`,
        isLoadable: true,
        run: (engines, way) =>
          outcome(async () => {
            const bytes = readFileSync(join(kmd, kind, file));
            const loadable = way(bytes, target);
            const { network } = await load(loadable, target, engines);
            await network.submit();
            const golden = goldens.find((candidate) => new RegExp(`^${name}_[0-9a-f]{6}$`).test(candidate));
            if (!golden) return 'there is no golden';
            const image = readFileSync(join(root, 'golden', golden, 'dla', 'o_000000.dimg')).subarray(36);
            const packed = dimg(network.read(0), outputOf(decodeStockLoadable(bytes)), target.memoryAtom).subarray(36);
            return difference(packed, image, 'the image');
          }),
      };
    }),
  );
}

/** How the first output of a loadable lies in memory, as the file says it. */
function outputOf({ memories, tensors }: StockLoadable): TensorDesc {
  const { tensorDescId } = memories.find(({ flags }) => flags & memoryFlags.output)!;
  return tensors.find(({ id }) => id === tensorDescId)!;
}

/**
 * The cases of a folder and of the folders in it, whatever their form.
 * @throws Error when it is absent, or names no known configuration
 */
export function casesUnder(root: string, depth = 3): readonly Case[] {
  if (!existsSync(root)) throw new Error(`there is no folder ${root}`);
  if (existsSync(join(root, 'flatbufs', 'kmd')) && existsSync(join(root, 'golden'))) return regressionCases(root);
  const inside = folders(root);
  const has = (...path: readonly string[]): boolean => inside.some((name) => existsSync(join(root, name, ...path)));
  if (inside.some((name) => existsSync(join(root, name, `${name}.cfg`)))) return traceCases(root);
  if (has('input.txn')) return txnCases(root);
  if (has('model_v12.nvdla')) return operationCases(root);
  if (has('model.nvdla')) return networkCases(root);
  return depth === 0 ? [] : inside.flatMap((name) => casesUnder(join(root, name), depth - 1));
}

export interface Counts {
  readonly pass: number;
  readonly unsupported: number;
  readonly fail: number;
}

export interface Summary {
  readonly counts: Readonly<Record<string, Counts>>;
  /** Name and reason of every case that did not pass. */
  readonly failures: readonly string[];
  readonly refusals: readonly string[];
}

export async function runCases(
  cases: readonly Case[],
  engines: EnginesFor = enginesNamed.reference,
  way: Way = ways['as stored'],
): Promise<Summary> {
  const counts: Record<string, { pass: number; unsupported: number; fail: number }> = {};
  const failures: string[] = [];
  const refusals: string[] = [];
  for (const { name, group, run } of cases) {
    const result = await run(engines, way);
    counts[group] ??= { pass: 0, unsupported: 0, fail: 0 };
    counts[group][result.kind]++;
    if (result.kind === 'fail') failures.push(`${name}: ${result.reason}`);
    if (result.kind === 'unsupported') refusals.push(`${name}: ${result.reason}`);
  }
  return { counts, failures, refusals };
}

/** How many cases of each group pass. */
export const passes = (counts: Readonly<Record<string, Counts>>): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(counts).map(([group, { pass }]) => [group, pass]));
