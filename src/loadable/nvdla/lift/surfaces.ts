/**
 * The surface that a value becomes, and where in it each of its uses lies. Uses are cubes on one grid of lines and surfaces, the
 * *frame*; the surface is the smallest that holds them all, and starts where the first of them does. What single-point operations
 * only copy may lie across the grid (lift/copies.ts).
 */

import { elementSize } from '../../../base/data-type.ts';
import { bytes } from '../../../base/units.ts';
import { channelBlocks, elementsPerAtom, pixelBytes, surfaceGeometry } from '../../../program/geometry.ts';
import type { PixelGrid } from '../../../program/layer.ts';
import { dataCategoryCodes, dataTypeCodes, precisionCodes } from '../../../program/nvdla/codes.ts';
import type { ElementType, Shape4, Surface, SurfaceFormat } from '../../../program/surface.ts';
import type { TensorDesc } from '../format/stock-loadable.ts';
import type { TaggedTensor } from '../format/tag.ts';
import { type CubeAccess, type MemoryAccess, piecesOf, type RunAccess } from './access.ts';
import { unsaid } from './lift-context.ts';
import type { Use, Value } from './values.ts';

type Geometry = Pick<Surface, 'shape' | 'dtype' | 'format' | 'lineStride' | 'surfaceStride' | 'batchStride' | 'size'>;

/** All of the surface, a view of it, pixels of it, or (of what the bridge DMA moves) bytes from its start. */
export type Part =
  | { readonly kind: 'whole' }
  | { readonly kind: 'view'; readonly channel: number; readonly row: number; readonly shape: Shape4 }
  | PixelPart
  | { readonly kind: 'bytes'; readonly offset: number };
type View = Extract<Part, { kind: 'view' }>;

export interface PixelPart {
  readonly kind: 'pixels';
  readonly channel: number;
  readonly channels: number;
  readonly grid: PixelGrid;
  readonly rows: number;
  readonly columns: number;
}

export interface ShapedValue {
  /** In the memory of the loadable. */
  readonly offset: number;
  readonly geometry: Geometry;
  readonly parts: ReadonlyMap<MemoryAccess, Part>;
}

/** Shape and format of a tensor that the application binds, as its descriptor or tag gives them. */
export interface BoundTensor {
  readonly dtype: ElementType;
  readonly isImage: boolean;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly lineStride: number;
  readonly surfaceStride: number;
}

/**
 * What a tensor descriptor, and the tag of a loadable of ours, say of a memory that the application binds; undefined for what a
 * surface of the hardware cannot be.
 */
export function boundTensor(tensor: TensorDesc, tagged: TaggedTensor | undefined): BoundTensor | undefined {
  const { dims, strides, dataCategory, dataType, offset } = tensor;
  const type = dataTypeCodes.names[dataType];
  const dtype = precisionCodes.names.find((precision) => precision === type);
  const { n, c, h, w } = dims;
  if (dtype === undefined || n !== 1 || c < 1 || h < 1 || w < 1 || offset !== 0) return undefined;
  const [, lineStride = 0, surfaceStride = 0] = strides;
  const isImage = dataCategory === dataCategoryCodes.numbers.image;
  return { dtype, isImage, channels: taggedChannels(tagged, c, h * w), height: h, width: w, lineStride, surfaceStride };
}

/** The channels of a tensor: descriptors count the components of a pixel in memory, tags those that the network reads. */
function taggedChannels(tagged: TaggedTensor | undefined, held: number, plane: number): number {
  const channels = (tagged?.shape.reduce((product, dim) => product * dim, 1) ?? held * plane) / plane;
  return Number.isInteger(channels) && channels >= 1 && channels <= held ? channels : held;
}

/** Where the lines and surfaces of a value lie. */
export interface Frame {
  readonly offset: number;
  readonly dtype: ElementType;
  readonly format: SurfaceFormat;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly lineStride: number;
  readonly surfaceStride: number;
}

export type FormatOf = (dtype: ElementType) => SurfaceFormat;

export interface FramePlace {
  readonly block: number;
  readonly row: number;
  readonly column: number;
}

const frameBlocks = ({ channels, format }: Pick<Frame, 'channels' | 'format'>): number =>
  channelBlocks([1, channels, 1, 1], format);

export const framePixel = ({ dtype, format, channels }: Pick<Frame, 'dtype' | 'format' | 'channels'>): number =>
  pixelBytes([1, channels, 1, 1], dtype, format);

/** The pixel that begins at an offset of the memory; undefined where none does. */
export function placeIn(frame: Frame, offset: number): FramePlace | undefined {
  const { lineStride, surfaceStride } = frame;
  const distance = offset - frame.offset;
  const block = frameBlocks(frame) > 1 ? Math.floor(distance / surfaceStride) : 0;
  const inside = distance - block * surfaceStride;
  const row = Math.floor(inside / lineStride);
  const column = (inside - row * lineStride) / framePixel(frame);
  return distance >= 0 && Number.isInteger(column) ? { block, row, column } : undefined;
}

/** Uses that lie on the frame's lines: cubes that are not only copied, and operands that an earlier layer made. */
function cubesOf({ uses }: Value, formatOf: FormatOf): readonly Placed[] {
  return uses.flatMap(({ access }): readonly Placed[] => {
    if (access.kind === 'run')
      return access.channels === undefined ? [] : [{ access, cube: operandCube(access, formatOf) }];
    return access.copied ? [] : [{ access, cube: access }];
  });
}

/**
 * The frame of a value; undefined where neither its uses nor the application tell.
 * @param guess a cube that is all of the value @throws loadable/unliftable
 */
export function frameOf(
  value: Value,
  formatOf: FormatOf,
  { bound, guess }: { readonly bound?: BoundTensor | undefined; readonly guess?: CubeAccess | undefined },
): Frame | undefined {
  const accesses = value.uses.map(({ access }) => access);
  if (value.isConstant && accesses[0]!.kind === 'run') return undefined;
  const cubes = cubesOf(value, formatOf);
  const first = cubes[0]?.cube ?? guess ?? (bound && boundCube(value.memory, bound, formatOf));
  if (first === undefined || (cubes.length === 0 && endOf(accesses) > endOf([first]))) return undefined;
  const offset = value.binding ? 0 : Math.min(first.offset, ...cubes.map(({ cube }) => cube.offset));
  const grid = gridOf(
    first,
    cubes.map(({ cube }) => cube),
    offset,
  );
  const all = cubes.length === 0 ? [first] : cubes.map(({ cube }) => cube);
  const atom = elementsPerAtom(first.format);
  let [channels, height] = [0, 0];
  for (const cube of all) {
    const { block, row } = onGrid(grid, cube);
    channels = Math.max(channels, block * atom + cube.shape[1]);
    height = Math.max(height, row + cube.shape[2]);
  }
  const frame = { ...grid, channels, height };
  return bound ? { ...frame, ...boundSize(frame, bound) } : frame;
}

/**
 * Channels and height as the bound tensor has them, where it fits the frame: operations may touch fewer rows and more
 * channels.
 */
function boundSize(frame: Frame, bound: BoundTensor): Partial<Frame> {
  const { dtype, width, height, channels, format } = frame;
  const blocks = frameBlocks({ channels: bound.channels, format });
  const fits =
    bound.dtype === dtype &&
    bound.width === width &&
    bound.height >= height &&
    blocks >= frameBlocks({ channels, format }) &&
    (bound.height === 1 || bound.lineStride === frame.lineStride) &&
    (blocks === 1 || bound.surfaceStride === frame.surfaceStride);
  return fits ? { channels: bound.channels, height: bound.height } : {};
}

/** @param copies where the cubes lie of what is only copied */
export function shapeValue(
  value: Value,
  frame: Frame | undefined,
  formatOf: FormatOf,
  copies: ReadonlyMap<MemoryAccess, Part>,
): ShapedValue {
  const accesses = value.uses.map(({ access }) => access);
  const [first] = accesses;
  if (frame === undefined) {
    return value.isConstant && first?.kind === 'run' ? vectorOf(first, accesses) : bytesOf(value, accesses);
  }
  const { offset, format, channels, height } = frame;
  const atom = elementsPerAtom(format);
  const parts = new Map(
    accesses.flatMap((access) => {
      const part = copies.get(access);
      return part ? [[access, part] as const] : [];
    }),
  );
  for (const { access, cube } of cubesOf(value, formatOf)) {
    const { block, row } = onGrid(frame, cube);
    const covers = block === 0 && row === 0 && cube.shape[2] === height;
    const whole = covers && (format === 'dla_hwc4' || cube.shape[1] === channels);
    parts.set(access, whole ? { kind: 'whole' } : { kind: 'view', channel: block * atom, row, shape: cube.shape });
  }
  for (const use of value.uses) {
    const { access } = use;
    if (parts.has(access)) continue;
    const view = isPart(use, value) ? movedPart(access, frame) : undefined;
    parts.set(access, view ?? { kind: 'bytes', offset: access.offset - offset });
  }
  return { offset, geometry: geometryOf(frame), parts };
}

/** Whether a transfer of the bridge DMA is not all that there is to a value: others write it too, or have yet to. */
const isPart = (use: Use, { uses }: Value): boolean =>
  uses.some(({ isWrite, step }) => isWrite && (use.isWrite ? step !== use.step : step >= use.step));

/** The view that a transfer of whole lines makes. */
function movedPart(access: MemoryAccess, frame: Frame): View | undefined {
  const moved = access.kind === 'run' ? access.moved : undefined;
  const place = placeIn(frame, access.offset);
  if (!moved || !place || place.column !== 0) return undefined;
  const { channels, height, width, lineStride, surfaceStride, format } = frame;
  const atom = elementsPerAtom(format);
  const isLine = moved.lineBytes === width * framePixel(frame);
  const rows = isLine ? moved.lines : moved.lines * (moved.lineBytes / lineStride);
  const fits =
    (moved.lines === 1 || moved.lineStride === (isLine ? lineStride : moved.lineBytes)) &&
    (moved.surfaces === 1 || moved.surfaceStride === surfaceStride) &&
    Number.isInteger(rows) &&
    place.row + rows <= height;
  const channel = place.block * atom;
  if (!fits || channel >= channels) return undefined;
  const shape: Shape4 = [1, Math.min(moved.surfaces * atom, channels - channel), rows, width];
  return { kind: 'view', channel, row: place.row, shape };
}

interface Placed {
  readonly access: MemoryAccess;
  readonly cube: CubeAccess;
}

function vectorOf({ offset, dtype, size }: RunAccess, accesses: readonly MemoryAccess[]): ShapedValue {
  const shape: Shape4 = [1, size / elementSize[dtype], 1, 1];
  const geometry = { shape, dtype, format: 'vector' as const, ...surfaceGeometry(shape, dtype, 'vector') };
  return { offset, geometry, parts: new Map(accesses.map((access) => [access, { kind: 'whole' }])) };
}

const endOf = (accesses: readonly MemoryAccess[]): number =>
  accesses.reduce((last, access) => Math.max(last, piecesOf(access).at(-1)!.end), 0);

/** The surface of bytes that only the bridge DMA touches. */
function bytesOf(value: Value, accesses: readonly MemoryAccess[]): ShapedValue {
  const end = endOf(accesses);
  const start = value.binding ? 0 : accesses.reduce((least, { offset }) => Math.min(least, offset), end);
  const shape: Shape4 = [1, 1, 1, end - start];
  const geometry = { shape, dtype: 'int8' as const, format: 'dla_linear' as const };
  const parts = accesses.map((access) => [access, { kind: 'bytes', offset: access.offset - start }] as const);
  return {
    offset: start,
    geometry: { ...geometry, ...surfaceGeometry(shape, 'int8', 'dla_linear', 1) },
    parts: new Map(parts),
  };
}

/** Operands of one channel each are a map of one pixel. */
function operandCube({ memory, offset, dtype, channels = 0 }: RunAccess, formatOf: FormatOf): CubeAccess {
  const format = formatOf(dtype);
  const atom = elementsPerAtom(format) * elementSize[dtype];
  const shape: Shape4 = [1, channels, 1, 1];
  return { kind: 'cube', memory, offset, shape, dtype, format, lineStride: atom, surfaceStride: atom };
}

function boundCube(memory: number, bound: BoundTensor, formatOf: FormatOf): CubeAccess {
  const { dtype, isImage, channels, height, width, lineStride, surfaceStride } = bound;
  const format = isImage ? 'dla_hwc4' : formatOf(dtype);
  const shape: Shape4 = [1, channels, height, width];
  return { kind: 'cube', memory, offset: 0, shape, dtype, format, lineStride, surfaceStride };
}

const blocksOf = ({ shape, format }: CubeAccess): number => channelBlocks(shape, format);
const most = (cubes: readonly CubeAccess[], count: (cube: CubeAccess) => number): CubeAccess =>
  cubes.reduce((best, cube) => (count(cube) > count(best) ? cube : best));

/** The lines and surfaces that some cubes share, as a frame of the deepest and the tallest. */
function gridOf(first: CubeAccess, others: readonly CubeAccess[], offset: number): Frame {
  const cubes = [first, ...others];
  const { dtype, format } = first;
  const [, , , width] = first.shape;
  const line = width * pixelBytes(first.shape, dtype, format);
  const tallest = most(cubes, ({ shape }) => shape[2]);
  const deepest = most(cubes, blocksOf);
  const lineStride = tallest.shape[2] > 1 ? tallest.lineStride : Math.max(line, first.lineStride);
  const { surfaceStride } = deepest;
  const differs = cubes.some(
    (cube) =>
      cube.dtype !== dtype ||
      cube.format !== format ||
      cube.shape[3] !== width ||
      (cube.shape[2] > 1 && cube.lineStride !== lineStride) ||
      (blocksOf(cube) > 1 && cube.surfaceStride !== surfaceStride),
  );
  if (differs || lineStride < line) {
    const actual = cubes.map(({ shape, ...cube }) => `${shape.slice(1).join('×')} ${cube.dtype} ${cube.format}`);
    unsaid('the same bytes in two layouts', { actual: [...new Set(actual)].join(', ') });
  }
  const [channels, height] = [deepest.shape[1], tallest.shape[2]];
  return { offset, dtype, format, channels, height, width, lineStride, surfaceStride };
}

/** @throws loadable/unliftable for a cube that does not lie on lines of the frame */
function onGrid(frame: Frame, { offset, shape }: CubeAccess): FramePlace {
  const { lineStride, surfaceStride } = frame;
  const found = placeIn(frame, offset);
  const isDeep = frameBlocks(frame) > 1;
  if (found?.column === 0 && (!isDeep || (found.row + shape[2]) * lineStride <= surfaceStride)) return found;
  const expected = `lines of ${lineStride} and surfaces of ${surfaceStride} bytes`;
  return unsaid('cubes that share bytes and do not lie on one grid', { expected, actual: offset - frame.offset });
}

function geometryOf(frame: Frame): Geometry {
  const { dtype, format, channels, height, width, lineStride, surfaceStride } = frame;
  const blocks = frameBlocks(frame);
  const least = height * lineStride;
  if (blocks > 1 && surfaceStride < least) unsaid('surfaces that overlap', { expected: least, actual: surfaceStride });
  const step = blocks > 1 ? surfaceStride : least;
  const size = bytes(blocks * step);
  return {
    shape: [1, channels, height, width],
    dtype,
    format,
    lineStride: bytes(lineStride),
    surfaceStride: bytes(step),
    batchStride: size,
    size,
  };
}
