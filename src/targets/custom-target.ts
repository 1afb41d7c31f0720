/**
 * A configuration of the open NVDLA that somebody built: a JSON file that extends one of the known configurations and
 * says what is different.
 *
 *     { "name": "my_dla", "extends": "nv_small_256", "cbuf": { "banks": 16, "entryBytes": 32, "entriesPerBank": 256 } }
 *
 * Numbers are those of nvdla/hw's `.spec` files. What no build can have (atoms that do not divide, a unit without
 * throughput) is refused here, so that later rooms need not check.
 */

import { fail } from '../base/errors.ts';
import * as z from '../base/schema.ts';
import { bytes, cycles } from '../base/units.ts';
import { findTarget } from './find.ts';
import { commonSystem, nvdlaModule } from './nvdla-systems.ts';
import { type Fact, isNvdla, type Module, type NvdlaFeatures, type NvdlaTarget } from './target.ts';

const count = z.int().min(1).max(4096);
const memoryInterface = z.strictObject({
  width: z.union([8, 16, 32, 64].map((size) => z.literal(size))),
  burst: z.int().min(1).max(16),
  latency: z.int().min(1).max(65_536),
});

const schema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9_]{0,40}$/, 'small letters, digits and _, a letter first'),
  title: z.string().max(100).optional(),
  extends: z.string(),
  atomic: z.strictObject({ c: count, k: count }).optional(),
  memoryAtom: z.union([8, 16, 32].map((size) => z.literal(size))).optional(),
  cbuf: z.strictObject({ banks: z.int().min(2).max(64), entryBytes: count, entriesPerBank: count }).optional(),
  accumulatorBits: z.int().min(32).max(48).optional(),
  elementwise: z.boolean().optional(),
  lookupTable: z.boolean().optional(),
  throughput: z
    .strictObject({ x: count, y: z.int().min(0).max(4096), pdp: count, cdp: count })
    .partial()
    .optional(),
  primaryMemory: memoryInterface.optional(),
  secondaryMemory: z.union([memoryInterface, z.null()]).optional(),
  addressBits: z.union([z.literal(32), z.literal(64)]).optional(),
  /**
   * The system it is built into: the clock in MHz and the bandwidth of memory in GB/s; the latency of a read and the
   * processor's time for a launch, both in cycles; the bursts that one read client can have under way.
   */
  system: z
    .strictObject({
      title: z.string().max(100),
      clock: z.number().positive().max(10_000),
      bandwidth: z.number().positive().max(10_000),
      latency: z.number().min(0).max(1_000_000).optional(),
      outstanding: z.int().min(1).max(256).optional(),
      launch: z.number().min(0).max(100_000_000).optional(),
    })
    .optional(),
});

export type CustomTarget = z.input<typeof schema>;

/** @throws target/invalid, target/unknown for a configuration to extend that is not known */
export function readTarget(text: string, file?: string): NvdlaTarget {
  const place = file === undefined ? {} : { file };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return fail('target/invalid', 'the target is no JSON', place, { actual: (error as Error).message });
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const field = issue!.path.join('.');
    return fail('target/invalid', `the target is wrong at ${field || 'its top'}`, place, { actual: issue!.message });
  }
  const { data } = parsed;
  const base = findTarget(data.extends);
  if (!isNvdla(base)) {
    return fail('target/invalid', 'a target extends a configuration of the open NVDLA', place, {
      expected: 'nv_small, nv_full, …',
      actual: data.extends,
    });
  }
  const { secondaryMemory: former, ...rest } = base.nvdla;
  const secondary = data.secondaryMemory === undefined ? former : data.secondaryMemory;
  const target: NvdlaTarget = {
    ...base,
    name: data.name,
    title: data.title ?? `Open NVDLA, ${data.name} (extends ${base.name})`,
    atomic: { ...base.atomic, ...data.atomic },
    memoryAtom: bytes(data.memoryAtom ?? base.memoryAtom),
    cbuf: data.cbuf ? { ...data.cbuf, entryBytes: bytes(data.cbuf.entryBytes) } : base.cbuf,
    modules: data.system ? [systemOf(data.system, file)] : base.modules,
    nvdla: {
      ...rest,
      ...(data.atomic && { kernelGroup16: Math.min(rest.kernelGroup16, data.atomic.k) }),
      accumulatorBits: data.accumulatorBits ?? rest.accumulatorBits,
      elementwise: data.elementwise ?? rest.elementwise,
      lookupTable: data.lookupTable ?? rest.lookupTable,
      throughput: throughputOf(rest.throughput, data.throughput),
      primaryMemory: interfaceOf(data.primaryMemory ?? rest.primaryMemory),
      ...(secondary && { secondaryMemory: interfaceOf(secondary) }),
      addressBits: data.addressBits ?? rest.addressBits,
    },
  };
  checkTarget(target, file);
  return target;
}

type Throughput = NvdlaFeatures['throughput'];

function throughputOf(base: Throughput, change: { [K in keyof Throughput]?: number | undefined } = {}): Throughput {
  const { x = base.x, y = base.y, pdp = base.pdp, cdp = base.cdp } = change;
  return { x, y, pdp, cdp };
}

const interfaceOf = ({ width, burst, latency }: { width: number; burst: number; latency: number }) => ({
  width: bytes(width),
  burst,
  latency,
});

function systemOf(
  { title, clock, bandwidth, ...rest }: NonNullable<z.output<typeof schema>['system']>,
  file = 'a target file',
): Module {
  const said = <T>(value: T): Fact<T> => ({ value, status: 'documented', source: file });
  const { latency, outstanding, launch } = rest;
  return nvdlaModule(
    { id: 'system', title },
    { clock: said(clock), bandwidth: said(bandwidth) },
    {
      ...commonSystem,
      ...(latency !== undefined && { latency: said(cycles(latency)) }),
      ...(outstanding !== undefined && { outstanding: said(outstanding) }),
      ...(launch !== undefined && { launch: said(cycles(launch)) }),
    },
  );
}

/** Checks what the layouts in memory and in the convolution buffer rely on (nvdla/hw spec/defs/projects.spec). */
function checkTarget({ name, atomic, memoryAtom, cbuf, nvdla }: NvdlaTarget, file?: string): void {
  const place = { value: name, ...(file !== undefined && { file }) };
  const wrong = (message: string, expected: string, actual: string | number): never =>
    fail('target/invalid', message, place, { expected, actual });
  const powerOfTwo = (value: number) => (value & (value - 1)) === 0;
  if (!powerOfTwo(atomic.c) || atomic.c < memoryAtom || atomic.c > 128) {
    wrong('atomic.c is no number of channels that atoms divide', `a power of two in [${memoryAtom}, 128]`, atomic.c);
  }
  if (!powerOfTwo(atomic.k) || atomic.k < 4 || atomic.k > 64) {
    wrong('atomic.k is no number of kernels that a core has', 'a power of two in [4, 64]', atomic.k);
  }
  if (!powerOfTwo(cbuf.entryBytes) || cbuf.entryBytes < memoryAtom || cbuf.entryBytes > 256) {
    const expected = `a power of two in [${memoryAtom}, 256]`;
    wrong('cbuf.entryBytes is no number of bytes that atoms divide', expected, cbuf.entryBytes);
  }
  if (nvdla.elementwise !== nvdla.throughput.y > 0) {
    wrong('throughput.y does not fit elementwise', nvdla.elementwise ? 'above 0' : '0', nvdla.throughput.y);
  }
  if (nvdla.lookupTable && !nvdla.elementwise) {
    wrong('the lookup table belongs to the element-wise unit', 'elementwise: true', 'false');
  }
}
