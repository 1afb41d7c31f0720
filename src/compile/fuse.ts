/**
 * The second pass: operations that one launch can do become one. From first to last, each operation is drawn into the one that
 * feeds it when nobody else reads what lies between them:
 *
 *     conv → scale, shift, activation, clamp, table        anything whose steps come in the order of the single-point stage
 *     conv → add (sub, mul, max, min)                      into the later of two producers, where the other operand is ready
 *     x · f(x), f a table or a clamped line                 one table: SiLU, HardSwish
 *     deconv → crop                                         its padding
 *     conv → max pool                                      where the target's policy says so; other pools launch on their own
 *
 * A value between two fused operations is never rounded to int8, so it needs no scale, unless it indexes a table.
 */

import {
  type ChannelVector,
  type ConvOperation,
  type CropOperation,
  type Operation,
  type Point,
  type PointOperation,
  type Pooling,
  type PoolOperation,
  plainPoint,
  readsOf,
} from './operation.ts';

export interface FuseContext {
  /** Values that host nodes or the caller read too. */
  readonly external: ReadonlySet<string>;
  /** Operations fuse only when both are of one part: of one segment, and in one precision. */
  readonly partOf: (operation: Operation) => string;
  /** Whether two values have the same shape. */
  readonly sameShape: (a: string, b: string) => boolean;
  /** Whether a value could lie in memory as int8. One that could not is drawn into its reader rather than another. */
  readonly hasScale: (value: string) => boolean;
  /** Whether one launch can do the fused operation. */
  readonly fits: (operation: ConvOperation | PointOperation) => boolean;
  /** Whether an average of averages is fused into one, whose window lowering may cut again. */
  readonly joinsAverages: boolean;
  /** Whether a pool runs in the launch of the convolution that feeds it. */
  readonly poolFuses: (convolution: ConvOperation, pool: Pooling) => boolean;
}

/** @param operations in topological order; so is the result */
export function fuse(operations: readonly Operation[], context: FuseContext): readonly Operation[] {
  const slots: (Operation | undefined)[] = [...operations];
  const producer = new Map<string, number>();
  const readers = new Map<string, number>();
  for (const [slot, operation] of operations.entries()) {
    producer.set(operation.output, slot);
    for (const value of new Set(readsOf(operation))) readers.set(value, (readers.get(value) ?? 0) + 1);
  }
  const readOnce = (value: string) => readers.get(value) === 1 && !context.external.has(value);
  const producerOf = (value: string, reader: Operation): Operation | undefined => {
    const made = slots[producer.get(value) ?? -1];
    return made !== undefined && context.partOf(made) === context.partOf(reader) ? made : undefined;
  };

  for (let slot = 0; slot < slots.length; slot++) {
    for (let merged: Merge | undefined; ; ) {
      merged = mergeInto(slots[slot]!, producerOf, readOnce, producer, context);
      if (merged === undefined) break;
      const reads = [slots[slot]!, merged.absorbed].flatMap((operation) => [...new Set(readsOf(operation))]);
      for (const value of reads) readers.set(value, readers.get(value)! - 1);
      for (const value of new Set(readsOf(merged.result))) readers.set(value, readers.get(value)! + 1);
      slots[producer.get(merged.absorbed.output)!] = undefined;
      slots[slot] = merged.result;
    }
  }
  return slots.filter((operation) => operation !== undefined);
}

interface Merge {
  readonly absorbed: Operation;
  readonly result: Operation;
}

function mergeInto(
  reader: Operation,
  producerOf: (value: string, reader: Operation) => Operation | undefined,
  readOnce: (value: string) => boolean,
  order: ReadonlyMap<string, number>,
  context: FuseContext,
): Merge | undefined {
  if (reader.kind === 'pool') {
    const absorbed = producerOf(reader.input, reader);
    if (absorbed?.kind === 'pool' && context.joinsAverages && readOnce(reader.input))
      return joinAverages(absorbed, reader);
    if (absorbed?.kind !== 'conv' || absorbed.pool !== undefined || !readOnce(reader.input)) return undefined;
    if (!context.poolFuses(absorbed, reader.pool)) return undefined;
    return { absorbed, result: join(absorbed, reader, { pool: reader.pool }) };
  }
  if (reader.kind === 'crop') return cropped(reader, producerOf, readOnce);
  if (reader.kind !== 'point' || reader.pool !== undefined) return undefined;
  const gated = selfGate(reader, producerOf, readOnce);
  if (gated !== undefined && gated.result.kind === 'point' && context.fits(gated.result)) return gated;

  const candidates: { absorbed: ConvOperation | PointOperation; point: Point }[] = [];
  const consider = (value: string, stage: Point | undefined) => {
    const absorbed = producerOf(value, reader);
    if (stage === undefined || absorbed === undefined || !readOnce(value)) return;
    if ((absorbed.kind !== 'conv' && absorbed.kind !== 'point') || absorbed.pool !== undefined) return;
    const point = compose(absorbed.point, stage);
    if (point !== undefined && context.fits({ ...absorbed, point })) candidates.push({ absorbed, point });
  };
  const { operand } = reader.point;
  if (operand?.value !== reader.input) {
    consider(reader.input, reader.point);
    if (operand !== undefined && context.sameShape(operand.value, reader.output)) {
      consider(operand.value, swapped(reader));
    }
  }
  const rank = ({ absorbed }: (typeof candidates)[number]) =>
    (context.hasScale(absorbed.output) ? 0 : 2 * operationsLimit) +
    (absorbed.kind === 'conv' ? operationsLimit : 0) +
    order.get(absorbed.output)!;
  const [best] = candidates.toSorted((a, b) => rank(b) - rank(a));
  return best && { absorbed: best.absorbed, result: join(best.absorbed, reader, { point: best.point }) };
}

/** Averages of whole windows side by side, over averages of such. */
function joinAverages(first: PoolOperation, second: PoolOperation): Merge | undefined {
  const isTiled = ({ mode, kernel, stride, padding }: Pooling) =>
    mode === 'average' &&
    kernel.h === stride.h &&
    kernel.w === stride.w &&
    Object.values(padding).every((pad) => pad === 0);
  if (!isTiled(first.pool) || !isTiled(second.pool)) return undefined;
  const { kernel } = second.pool;
  const size = { h: first.pool.kernel.h * kernel.h, w: first.pool.kernel.w * kernel.w };
  const pool = { ...second.pool, kernel: size, stride: size };
  return { absorbed: first, result: { ...second, input: first.input, nodes: [...first.nodes, ...second.nodes], pool } };
}

/** A deconvolution and the crop of its result, as a deconvolution with more padding. */
function cropped(
  reader: CropOperation,
  producerOf: (value: string, reader: Operation) => Operation | undefined,
  readOnce: (value: string) => boolean,
): Merge | undefined {
  const { row, column, step } = reader.from;
  const absorbed = producerOf(reader.input, reader);
  if (absorbed?.kind !== 'conv' || !absorbed.shape.transposed || !readOnce(reader.input)) return undefined;
  if (step.h !== 1 || step.w !== 1 || absorbed.pool || absorbed.point.operand) return undefined;
  const { shape } = absorbed;
  const { padding, output } = shape;
  const [top, left] = [padding.top + row, padding.left + column];
  const { height, width } = reader.size;
  const bottom = padding.bottom + output.height - row - height;
  const right = padding.right + output.width - column - width;
  const part = { ...shape, padding: { top, left, bottom, right }, output: { ...output, height, width } };
  return { absorbed, result: join(absorbed, reader, { shape: part }) };
}

/** The rank of a convolution, above that of every point operation: more than a network has operations. */
const operationsLimit = 2 ** 30;

function join<T extends ConvOperation | PointOperation>(absorbed: T, reader: Operation, change: Partial<T>): T {
  return { ...absorbed, ...change, nodes: [...absorbed.nodes, ...reader.nodes], output: reader.output };
}

/** The stage with its two operands exchanged: a ∘ b is b ∘ a, and a − b is −b + a. */
function swapped({ input, point }: PointOperation): Point | undefined {
  if (point.operand === undefined || point.multiply !== undefined || point.add !== undefined) return undefined;
  const { op } = point.operand;
  if (op === 'sub') return { ...point, multiply: Float64Array.of(-1), operand: { op: 'add', value: input } };
  return { ...point, operand: { op, value: input } };
}

/** x · f(x) is a function of x alone: SiLU, and HardSwish written as x · clip(x/6 + 1/2). */
function selfGate(
  reader: PointOperation,
  producerOf: (value: string, reader: Operation) => Operation | undefined,
  readOnce: (value: string) => boolean,
): Merge | undefined {
  const { operand, table, multiply, add, slope } = reader.point;
  if (operand?.op !== 'mul' || table !== undefined || multiply !== undefined || add !== undefined) return undefined;
  if (slope !== undefined || isClamped(reader.point)) return undefined;
  for (const [gate, x] of [
    [operand.value, reader.input],
    [reader.input, operand.value],
  ] as const) {
    const absorbed = producerOf(gate, reader);
    if (absorbed?.kind !== 'point' || absorbed.input !== x || !readOnce(gate)) continue;
    const factor = functionOf(absorbed);
    if (factor === undefined) continue;
    const operators = [...(absorbed.point.table?.operators ?? ['Clip']), reader.nodes[0]!.op];
    const point: Point = { ...plainPoint, table: { input: x, evaluate: (value) => value * factor(value), operators } };
    return { absorbed, result: join(absorbed, reader, { point }) };
  }
  return undefined;
}

/**
 * The function that an operation applies to each number; undefined where numbers or channels differ, or it reads another
 * value.
 */
function functionOf({ input, point, pool }: PointOperation): ((x: number) => number) | undefined {
  const { multiply, add, operand, slope, low, high, table } = point;
  if (operand !== undefined || slope !== undefined || pool !== undefined) return undefined;
  if ((multiply?.length ?? 1) > 1 || (add?.length ?? 1) > 1) return undefined;
  const linear = multiply === undefined && add === undefined && !isClamped(point);
  if (table !== undefined) return linear && table.input === input ? table.evaluate : undefined;
  const [m = 1, a = 0] = [multiply?.[0], add?.[0]];
  return (x) => Math.min(Math.max(x * m + a, low), high);
}

const isClamped = (point: Point): boolean =>
  point.low !== Number.NEGATIVE_INFINITY || point.high !== Number.POSITIVE_INFINITY;

/** One stage that does what two do one after the other, when the steps of the second come no earlier than those of the first. */
export function compose(first: Point, second: Point): Point | undefined {
  if (first.table !== undefined) return isScaling(second) ? scaled(first, second.multiply) : undefined;
  const linear = first.operand === undefined && first.slope === undefined && !isClamped(first);
  if (!linear && isScaling(second)) return scaled(first, second.multiply);
  let point = first;
  if (second.multiply !== undefined || second.add !== undefined) {
    if (!linear) return undefined;
    point = { ...point, ...affine(first, second) };
  }
  if (second.operand !== undefined) {
    if (!linear) return undefined;
    point = { ...point, operand: second.operand };
  }
  if (second.slope !== undefined) {
    if (first.slope !== undefined || isClamped(first)) return undefined;
    point = { ...point, slope: second.slope };
  }
  const clamp = (value: number) => Math.min(Math.max(value, second.low), second.high);
  point = { ...point, low: clamp(first.low), high: clamp(first.high) };
  return second.table === undefined ? point : { ...point, table: second.table };
}

/** Whether a point-wise operation only multiplies. */
const isScaling = (point: Point): point is Point & { readonly multiply: ChannelVector } =>
  point.multiply !== undefined &&
  point.add === undefined &&
  point.operand === undefined &&
  point.slope === undefined &&
  point.table === undefined &&
  !isClamped(point);

/** The stage with its result times a positive number, which moves ahead of product, slope and clamp, or into a table. */
function scaled(point: Point, factor: ChannelVector): Point | undefined {
  const [n = 0] = factor;
  if (factor.length !== 1 || !(n > 0)) return undefined;
  const { table, operand, low, high } = point;
  if (table !== undefined) return { ...point, table: { ...table, evaluate: (x) => table.evaluate(x) * n } };
  if (operand !== undefined && operand.op !== 'mul') return undefined;
  return { ...point, ...affine(point, { ...plainPoint, multiply: factor }), low: low * n, high: high * n };
}

/** (x · m + a) · n + b. */
function affine(first: Point, second: Point): Pick<Point, 'multiply' | 'add'> {
  const multiply = combine(first.multiply, second.multiply, (m, n) => m * n);
  const carried = first.add && combine(first.add, second.multiply, (a, n) => a * n);
  const add = combine(carried, second.add, (a, b) => a + b);
  return { ...(multiply !== undefined && { multiply }), ...(add !== undefined && { add }) };
}

function combine(
  a: ChannelVector | undefined,
  b: ChannelVector | undefined,
  operate: (a: number, b: number) => number,
): ChannelVector | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const long = a.length >= b.length ? a : b;
  return long.map((_, index) => operate(a[index % a.length]!, b[index % b.length]!));
}
