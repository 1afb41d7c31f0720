/**
 * Cubes that are runs of rows of something higher: their surfaces are longer than their lines. What lies below another on the same
 * grid may be more of the same.
 */

import type { CubeAccess, RunAccess } from './access.ts';

const heightOf = ({ shape, lineStride }: CubeAccess): number => shape[2] * lineStride;

const gridAt = (cube: CubeAccess, offset: number): string => {
  const { memory, shape, dtype, format, lineStride, surfaceStride } = cube;
  return [memory, offset, dtype, format, shape[1], shape[3], lineStride, surfaceStride].join();
};

/** Positions of cubes of which the second continues the first, downwards. */
export function rowNeighbours(cubes: readonly CubeAccess[]): readonly (readonly [above: number, below: number])[] {
  const ending = new Map<string, number[]>();
  const isPart = (cube: CubeAccess): boolean => heightOf(cube) < cube.surfaceStride;
  for (const [index, cube] of cubes.entries()) {
    if (!isPart(cube)) continue;
    const key = gridAt(cube, cube.offset + heightOf(cube));
    const list = ending.get(key);
    if (list) list.push(index);
    else ending.set(key, [index]);
  }
  return cubes.flatMap((cube, below) =>
    (isPart(cube) ? (ending.get(gridAt(cube, cube.offset)) ?? []) : []).map((above) => [above, below] as const),
  );
}

/** Whether all of some cubes are rows of one surface. */
export function areRows(cubes: readonly CubeAccess[]): boolean {
  const start = cubes.reduce((least, { offset }) => Math.min(least, offset), Number.POSITIVE_INFINITY);
  return cubes.every((cube) => cube.offset - start + heightOf(cube) <= cube.surfaceStride);
}

/** Positions of runs of which one begins where the other ends, of those with the same key. */
export function runNeighbours(
  runs: readonly { readonly access: RunAccess; readonly key: number }[],
): readonly (readonly [first: number, second: number])[] {
  const at = (key: number, { memory }: RunAccess, offset: number): string => `${key} ${memory} ${offset}`;
  const ending = new Map(runs.map(({ access, key }, index) => [at(key, access, access.offset + access.size), index]));
  return runs.flatMap(({ access, key }, second) => {
    const first = ending.get(at(key, access, access.offset));
    return first === undefined ? [] : [[first, second] as const];
  });
}
