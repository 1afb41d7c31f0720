/** Saturation of float-scale arithmetic. */

/** NaN gives `low`. */
export const clamp = (value: number, low: number, high: number): number => (value > low ? Math.min(value, high) : low);
