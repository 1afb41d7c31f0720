/** Finds targets, modules, power modes and releases by the names that people type, in upper or lower case. */

import { fail } from '../base/errors.ts';
import { nvFull, nvLarge, nvMedium512, nvMedium1024Full, nvSmall, nvSmall256, nvSmall256Full } from './nvdla.ts';
import { orin } from './orin.ts';
import type { Module, PowerMode, Release, Target } from './target.ts';
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

/** @throws target/unknown */
export const findTarget = (name: string): Target =>
  find([...targets, ...added], name, 'target', (target) => [target.name], ', or your own as .json');

/** The module of that id, or the target's first. @throws target/unknown */
export const findModule = (target: Target, id?: string): Module =>
  find(target.modules, id, `module of target ${target.name}`, (module) => [module.id]);

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
