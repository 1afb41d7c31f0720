/** Finds targets, modules, power modes and releases by the names that people type, in upper or lower case. */

import { fail } from '../base/errors.ts';
import { nvFull, nvLarge, nvMedium512, nvMedium1024Full, nvSmall, nvSmall256, nvSmall256Full } from './nvdla.ts';
import { orin } from './orin.ts';
import { isNvdla, type Module, type NvdlaTarget, type PowerMode, type Release, type Target } from './target.ts';
import { xavier } from './xavier.ts';

export const targets: readonly Target[] = [
  orin,
  xavier,
  nvSmall,
  nvSmall256,
  nvSmall256Full,
  nvMedium512,
  nvMedium1024Full,
  nvLarge,
  nvFull,
];

const added: Target[] = [];

/**
 * Makes a target of the caller's own known by its name, as loadables and plans name it. It replaces one that was added
 * under that name before.
 * @throws target/invalid when a target of dlakit has the name
 */
export function addTarget(target: Target): void {
  if (targets.some(({ name }) => plain(name) === plain(target.name))) {
    fail('target/invalid', 'a target of dlakit has that name', {}, { actual: target.name });
  }
  const at = added.findIndex(({ name }) => plain(name) === plain(target.name));
  added.splice(at < 0 ? added.length : at, 1, target);
}

/** @throws target/unknown; target/no-dla for hardware that has none */
export function findTarget(name: string): Target {
  requireDla(name);
  return find([...targets, ...added], name, 'target', (target) => [target.name], ', or your own as .json');
}

/** The same of a configuration of the open NVDLA. @throws target/unknown, device/unsupported for another DLA */
export function findNvdla(name: string): NvdlaTarget {
  const target = findTarget(name);
  if (isNvdla(target)) return target;
  return fail('device/unsupported', `${target.name} is not a configuration of the open NVDLA`);
}

/** The module of that id, or the target's first. @throws target/unknown; target/no-dla for a module that has none */
export function findModule(target: Target, id?: string): Module {
  requireDla(id);
  return find(target.modules, id, `module of target ${target.name}`, (module) => [module.id]);
}

/** The power mode of that name, or the module's first (its fastest). @throws target/unknown */
export const findPowerMode = (module: Module, name?: string): PowerMode =>
  find(module.powerModes, name, `power mode of ${module.title}`, (mode) => [mode.name]);

/**
 * The release of that name, or the target's default. `JetPack 6.0`, `jetpack-6.0`, `jp6.0` and `6.0` are the same.
 * @throws target/unknown
 */
export const findRelease = (target: Target, name?: string): Release =>
  find(target.releases, name, `release for target ${target.name}`, ({ name: full }) => [
    full,
    full.replace('JetPack', 'jp'),
    full.replace(/^[A-Za-z ]+/, ''),
  ]);

/** Relatives of our targets without a DLA, whatever web pages say (docs/hardware/orin.md). */
const withoutDla: readonly { readonly title: string; readonly names: RegExp }[] = [
  { title: 'Jetson Orin Nano', names: /^(jetson)?orinnano(4gb|8gb|super|devkit|developerkit)*$/ },
  { title: 'Thor', names: /^(jetson|drive)?(agx)?thor(devkit|t[45]000)?$/ },
];

function requireDla(name: string | undefined): void {
  const bare = withoutDla.find(({ names }) => name !== undefined && names.test(plain(name)));
  if (bare === undefined) return;
  fail(
    'target/no-dla',
    `${bare.title} has no DLA: its networks run on the GPU`,
    {},
    {
      expected: 'Jetson AGX Orin or Orin NX (orin), Jetson Xavier (xavier), an open NVDLA (nv_full, …)',
      actual: name!,
    },
  );
}

function find<T>(
  items: readonly T[],
  wanted: string | undefined,
  what: string,
  names: (item: T) => readonly string[],
  besides = '',
): T {
  const item =
    wanted === undefined
      ? items[0]
      : items.find((candidate) => names(candidate).some((name) => plain(name) === plain(wanted)));
  if (item !== undefined) return item;
  return fail(
    'target/unknown',
    `no ${what} is called ${JSON.stringify(wanted)}`,
    {},
    {
      expected: items.map((candidate) => names(candidate)[0]).join(', ') + besides,
      ...(wanted !== undefined && { actual: wanted }),
    },
  );
}

const plain = (name: string): string => name.toLowerCase().replace(/[\s_-]+/g, '');
