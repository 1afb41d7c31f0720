/**
 * The surface that a value becomes, and where in it each of its uses lies. Uses are cubes on one grid of lines and surfaces; the
 * surface is the smallest that holds them all, and starts where the first of them does.
 */

import { bytes } from '../../graph/units.ts';
import { channelBlocks, elementSize, elementsPerAtom, pixelBytes, surfaceGeometry } from '../../program/geometry.ts';
import type { ElementType, Shape4, Surface, SurfaceFormat } from '../../program/surface.ts';
import { type CubeAccess, type MemoryAccess, piecesOf } from './lift-access.ts';
import { unsaid } from './lift-operations.ts';
import type { Use, Value } from './lift-values.ts';

export type Geometry = Pick<
  Surface,
  'shape' | 'dtype' | 'format' | 'lineStride' | 'surfaceStride' | 'batchStride' | 'size'
>;

/** All of the surface, a view of it, or (of what the bridge DMA moves) bytes from its start. */
export type Part =
  | { readonly kind: 'whole' }
  | { readonly kind: 'view'; readonly channel: number; readonly row: number; readonly shape: Shape4 }
  | { readonly kind: 'bytes'; readonly offset: number };
type View = Extract<Part, { kind: 'view' }>;

export interface ShapedValue {
  /** In the memory of the loadable. */
  readonly offset: number;
  readonly geometry: Geometry;
  readonly parts: ReadonlyMap<MemoryAccess, Part>;
}

/** What is known of a tensor that the application binds, beside what the operations say. */
export interface BoundTensor {
  readonly dtype: ElementType;
  readonly isImage: boolean;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly lineStride: number;
  readonly surfaceStride: number;
}

/** @param formatOf the feature format of a type @throws loadable/unliftable */
export function shapeValue(
  value: Value,
  formatOf: (dtype: ElementType) => SurfaceFormat,
  bound?: BoundTensor,
): ShapedValue {
  const accesses = value.uses.map(({ access }) => access);
  if (value.isConstant && accesses[0]!.kind === 'run') return vectorOf(accesses[0]!.offset, accesses[0]!, accesses);
  const cubes = accesses.flatMap((access): readonly Placed[] => {
    const cube = access.kind === 'cube' ? access : operandCube(access, formatOf);
    return cube ? [{ access, cube }] : [];
  });
  const first = cubes[0]?.cube ?? (bound && boundCube(value.memory, bound, formatOf));
  if (first === undefined || (cubes.length === 0 && end(accesses) > end([first]))) return bytesOf(value, accesses);
  const start = value.binding ? 0 : cubes.reduce((least, { cube }) => Math.min(least, cube.offset), first.offset);
  const grid = gridOf(first, cubes, start);
  const geometry = geometryOf(grid, first, cubes, bound);
  const [, channels, height] = geometry.shape;
  const { format } = first;
  const atom = elementsPerAtom(format);
  const parts = new Map<MemoryAccess, Part>();
  for (const { access, cube } of cubes) {
    const { block, row } = grid.place(cube);
    const covers = block === 0 && row === 0 && cube.shape[2] === height;
    const whole = covers && (format === 'dla_hwc4' || cube.shape[1] === channels);
    parts.set(access, whole ? { kind: 'whole' } : { kind: 'view', channel: block * atom, row, shape: cube.shape });
  }
  for (const use of value.uses) {
    const { access } = use;
    if (parts.has(access)) continue;
    const view = isPart(use, value) ? movedPart(access, geometry, grid) : undefined;
    parts.set(access, view ?? { kind: 'bytes', offset: access.offset - start });
  }
  return { offset: start, geometry, parts };
}

/** Whether a transfer of the bridge DMA is not all that there is to a value: others write it too, or have yet to. */
const isPart = (use: Use, { uses }: Value): boolean =>
  uses.some(({ isWrite, step }) => isWrite && (use.isWrite ? step !== use.step : step >= use.step));

/** Whole lines of a transfer, as a view. */
function movedPart(access: MemoryAccess, { shape, dtype, format, lineStride }: Geometry, grid: Grid): View | undefined {
  const moved = access.kind === 'run' ? access.moved : undefined;
  const place = grid.find(access.offset);
  if (!moved || !place) return undefined;
  const [, channels, height, width] = shape;
  const atom = elementsPerAtom(format);
  const isLine = moved.lineBytes === width * pixelBytes(shape, dtype, format);
  const rows = isLine ? moved.lines : moved.lines * (moved.lineBytes / lineStride);
  const fits =
    (moved.lines === 1 || moved.lineStride === (isLine ? lineStride : moved.lineBytes)) &&
    (moved.surfaces === 1 || moved.surfaceStride === grid.surfaceStride) &&
    Number.isInteger(rows) &&
    place.row + rows <= height;
  const channel = place.block * atom;
  if (!fits || channel >= channels) return undefined;
  return {
    kind: 'view',
    channel,
    row: place.row,
    shape: [1, Math.min(moved.surfaces * atom, channels - channel), rows, width],
  };
}

interface Placed {
  readonly access: MemoryAccess;
  readonly cube: CubeAccess;
}

function vectorOf(
  offset: number,
  { dtype, size }: { readonly dtype: ElementType; readonly size: number },
  accesses: readonly MemoryAccess[],
): ShapedValue {
  const shape: Shape4 = [1, size / elementSize(dtype), 1, 1];
  const geometry = { shape, dtype, format: 'vector' as const, ...surfaceGeometry(shape, dtype, 'vector') };
  return { offset, geometry, parts: new Map(accesses.map((access) => [access, { kind: 'whole' }])) };
}

const end = (accesses: readonly MemoryAccess[]): number =>
  accesses.reduce((last, access) => Math.max(last, piecesOf(access).at(-1)!.end), 0);

/** What only the bridge DMA touches. */
function bytesOf(value: Value, accesses: readonly MemoryAccess[]): ShapedValue {
  const first = accesses.reduce((least, { offset }) => Math.min(least, offset), end(accesses));
  const start = value.binding ? 0 : first;
  const shape: Shape4 = [1, 1, 1, end(accesses) - start];
  const geometry = { shape, dtype: 'int8' as const, format: 'dla_linear' as const };
  const parts = accesses.map((access) => [access, { kind: 'bytes', offset: access.offset - start }] as const);
  return {
    offset: start,
    geometry: { ...geometry, ...surfaceGeometry(shape, 'int8', 'dla_linear', 1) },
    parts: new Map(parts),
  };
}

/** Operands of one channel each that an earlier layer made are a map of one pixel. */
function operandCube(access: MemoryAccess, formatOf: (dtype: ElementType) => SurfaceFormat): CubeAccess | undefined {
  if (access.kind !== 'run' || access.channels === undefined) return undefined;
  const { memory, offset, dtype, channels } = access;
  const format = formatOf(dtype);
  const atom = elementsPerAtom(format) * elementSize(dtype);
  const shape: Shape4 = [1, channels, 1, 1];
  return { kind: 'cube', memory, offset, shape, dtype, format, lineStride: atom, surfaceStride: atom };
}

function boundCube(
  memory: number,
  { dtype, isImage, channels, height, width, lineStride, surfaceStride }: BoundTensor,
  formatOf: (dtype: ElementType) => SurfaceFormat,
): CubeAccess {
  const format = isImage ? 'dla_hwc4' : formatOf(dtype);
  const shape: Shape4 = [1, channels, height, width];
  return { kind: 'cube', memory, offset: 0, shape, dtype, format, lineStride, surfaceStride };
}

interface GridPlace {
  readonly block: number;
  readonly row: number;
}

interface Grid {
  readonly lineStride: number;
  readonly surfaceStride: number;
  /** Where a byte begins a line of the surface; undefined inside lines. */
  readonly find: (offset: number) => GridPlace | undefined;
  /** Where a cube lies in the surface. @throws loadable/unliftable when it does not lie on the grid */
  readonly place: (cube: CubeAccess) => GridPlace;
}

const blocksOf = ({ shape, format }: CubeAccess): number => channelBlocks(shape, format);
const most = (cubes: readonly CubeAccess[], count: (cube: CubeAccess) => number): CubeAccess =>
  cubes.reduce((best, cube) => (count(cube) > count(best) ? cube : best));

/** The lines and surfaces that all uses of a value share. */
function gridOf(first: CubeAccess, placed: readonly Placed[], start: number): Grid {
  const cubes = [first, ...placed.map(({ cube }) => cube)];
  const line = first.shape[3] * pixelBytes(first.shape, first.dtype, first.format);
  const tallest = most(cubes, ({ shape }) => shape[2]);
  const deepest = most(cubes, blocksOf);
  const lineStride = tallest.shape[2] > 1 ? tallest.lineStride : Math.max(line, first.lineStride);
  const { surfaceStride } = deepest;
  const isDeep = blocksOf(deepest) > 1;
  const differs = cubes.some(
    ({ dtype, format, shape, ...cube }) =>
      dtype !== first.dtype ||
      format !== first.format ||
      shape[3] !== first.shape[3] ||
      (shape[2] > 1 && cube.lineStride !== lineStride) ||
      (channelBlocks(shape, format) > 1 && cube.surfaceStride !== surfaceStride),
  );
  if (differs || lineStride < line) {
    const actual = cubes.map(({ shape, dtype, format }) => `${shape.slice(1).join('×')} ${dtype} ${format}`);
    unsaid('the same bytes in two layouts', { actual: [...new Set(actual)].join(', ') });
  }
  const find = (offset: number): GridPlace | undefined => {
    const distance = offset - start;
    const block = isDeep ? Math.floor(distance / surfaceStride) : 0;
    const row = (distance - block * surfaceStride) / lineStride;
    return Number.isInteger(row) && row >= 0 ? { block, row } : undefined;
  };
  return {
    lineStride,
    surfaceStride,
    find,
    place(cube) {
      const found = find(cube.offset);
      if (found && (!isDeep || (found.row + cube.shape[2]) * lineStride <= surfaceStride)) return found;
      const expected = `lines of ${lineStride} and surfaces of ${surfaceStride} bytes`;
      return unsaid('cubes that share bytes and do not lie on one grid', { expected, actual: cube.offset - start });
    },
  };
}

function geometryOf(
  { lineStride, surfaceStride, place }: Grid,
  first: CubeAccess,
  placed: readonly Placed[],
  bound: BoundTensor | undefined,
): Geometry {
  const { dtype, format, shape } = first;
  const atom = elementsPerAtom(format);
  let [, channels, height] = placed.length === 0 ? shape : [1, 0, 0];
  for (const { cube } of placed) {
    const { block, row } = place(cube);
    channels = Math.max(channels, block * atom + cube.shape[1]);
    height = Math.max(height, row + cube.shape[2]);
  }
  // The tensor says how many channels of the last atom mean something, and what of it no operation touches.
  const width = shape[3];
  const blocks = (count: number): number => channelBlocks([1, count, 1, 1], format);
  if (bound && bound.dtype === dtype && bound.width === width && bound.height >= height) {
    const fits =
      (bound.height === 1 || bound.lineStride === lineStride) &&
      (blocks(bound.channels) === 1 || bound.surfaceStride === surfaceStride);
    if (fits && blocks(bound.channels) >= blocks(channels)) [channels, height] = [bound.channels, bound.height];
  }
  const whole: Shape4 = [1, channels, height, width];
  const count = channelBlocks(whole, format);
  const least = height * lineStride;
  if (count > 1 && surfaceStride < least) unsaid('surfaces that overlap', { expected: least, actual: surfaceStride });
  const step = count > 1 ? surfaceStride : least;
  const size = bytes(count * step);
  return {
    shape: whole,
    dtype,
    format,
    lineStride: bytes(lineStride),
    surfaceStride: bytes(step),
    batchStride: size,
    size,
  };
}
