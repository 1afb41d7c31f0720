/** The loadables of the committed conformance data (test/fixtures/nvdla), each with the configuration it was made for. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findNvdla } from '../../../targets/find.ts';
import type { NvdlaTarget } from '../../../targets/target.ts';
import { decodeStockLoadable, type StockLoadable } from '../format/stock-loadable.ts';

const root = fileURLToPath(new URL('../../../../test/fixtures/nvdla', import.meta.url));

export interface Fixture {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly loadable: StockLoadable;
  readonly target: NvdlaTarget;
}

/** @param path of a loadable below test/fixtures/nvdla, with the name of its configuration in it */
export function fixture(path: string): Fixture {
  const bytes = new Uint8Array(readFileSync(`${root}/${path}`));
  const target = findNvdla(/nv_(?:small|large|full)/.exec(path)![0]);
  return { name: path, bytes, loadable: decodeStockLoadable(bytes), target };
}

const collect = (folder: string, file: string): readonly Fixture[] =>
  readdirSync(`${root}/${folder}`)
    .filter((name) => existsSync(`${root}/${folder}/${name}/${file}`))
    .map((name) => fixture(`${folder}/${name}/${file}`));

/** Of NVIDIA's compiler. */
export const networks = (): readonly Fixture[] => collect('networks', 'model.nvdla');

/** Single operations with random fields, in both versions of the interface. */
export const operations = (): readonly Fixture[] => [
  ...collect('ops', 'model_v10.nvdla'),
  ...collect('ops', 'model_v12.nvdla'),
];
