/**
 * Which configuration of the open NVDLA a stock loadable is for. The format does not say it. Loadables of ours do, in their
 * tag; for others the caller names the target. Either way the descriptors must fit it.
 */

import { DlakitError, fail } from '../../../base/errors.ts';
import { findNvdla, findTarget, targets } from '../../../targets/find.ts';
import { isNvdla, type NvdlaTarget } from '../../../targets/target.ts';
import type { LoadableProblem } from '../validate/findings.ts';
import { validateStockLoadable } from '../validate/loadable.ts';
import type { StockLoadable } from './stock-loadable.ts';
import { tagOf } from './tag.ts';

/**
 * The target that a loadable runs on: the one that is wanted, or else the one of its tag.
 *
 * @param wanted the name of a target
 * @throws loadable/target-missing for a loadable without a tag when none is wanted; loadable/target when it was made for another
 *   one, by its tag or by its descriptors; loadable/corrupt for a tag that cannot be read; target/unknown; device/unsupported
 *   for a target that is no open NVDLA
 */
export function targetOfLoadable(loadable: StockLoadable, wanted?: string): NvdlaTarget {
  const target = statedTarget(loadable, wanted);
  const mismatch = detectMismatch(loadable, target);
  if (mismatch) throw new DlakitError(mismatch);
  return target;
}

/** The stated target, whether the descriptors fit it or not. @throws as {@link targetOfLoadable} */
export function statedTarget(loadable: StockLoadable, wanted?: string): NvdlaTarget {
  const tag = tagOf(loadable);
  const { name } = findTarget(wanted ?? tag?.target ?? missing(loadable));
  if (tag && tag.target !== name) {
    fail('loadable/target', 'the loadable was made for another target', {}, { expected: name, actual: tag.target });
  }
  return findNvdla(name);
}

function missing(loadable: StockLoadable): never {
  const fitting = loadableTargets(loadable).join(', ') || 'none of the known ones';
  return fail(
    'loadable/target-missing',
    'the loadable does not say which target it was made for: give --target',
    {},
    { expected: `a target; its descriptors fit ${fitting}` },
  );
}

/** The first thing in the descriptors that shows another target; undefined where they fit. */
export function detectMismatch(loadable: StockLoadable, target: NvdlaTarget): LoadableProblem | undefined {
  const found = firstMismatch(loadable, target);
  if (!found) return undefined;
  const others = loadableTargets(loadable);
  return others.length > 0 ? { ...found, message: `${found.message}; it fits ${others.join(', ')}` } : found;
}

const firstMismatch = (loadable: StockLoadable, target: NvdlaTarget): LoadableProblem | undefined =>
  validateStockLoadable(loadable, target).find(({ code }) => code === 'loadable/target');

/** The configurations of dlakit that the descriptors of a loadable fit. */
export const loadableTargets = (loadable: StockLoadable): readonly string[] =>
  targets
    .filter(isNvdla)
    .filter((target) => !firstMismatch(loadable, target))
    .map(({ name }) => name);
