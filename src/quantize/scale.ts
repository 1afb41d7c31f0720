/**
 * Range ↔ scale of a tensor: symmetric int8, real = scale × integer, range ±127·scale. Scales are float32 numbers, so that a
 * calibration cache, which stores float32 bits, gives back exactly the scale that was written.
 */

/**
 * The scale of a tensor that was zero throughout calibration: 2⁻²⁰. Any scale represents zero; this one is small enough
 * never to decide the common scale of a group of tensors, and large enough that an int32 bias at scale
 * s_x · s_w has room.
 */
export const zeroRangeScale = 2 ** -20;

const smallestScale = 2 ** -126; // the smallest normal float32

/** float32(range / 127). */
export function scaleOfRange(range: number): number {
  if (!(range >= 0) || range === Number.POSITIVE_INFINITY) throw new RangeError(`range ${range}`);
  return range === 0 ? zeroRangeScale : Math.max(Math.fround(range / 127), smallestScale);
}
