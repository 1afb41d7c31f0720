/**
 * Units that cross rooms. A unit is a branded number: it costs nothing at run time and keeps cycles from being
 * added to bytes. Arithmetic yields a plain number, so the result is branded again where its unit is known.
 */

declare const unit: unique symbol;
export type Unit<Name extends string> = number & { readonly [unit]: Name };

export type Cycles = Unit<'cycles'>;
export type Bytes = Unit<'bytes'>;
export type MHz = Unit<'MHz'>;
export type Microseconds = Unit<'µs'>;
/** 10⁹ bytes per second. */
export type GBps = Unit<'GB/s'>;

export const cycles = (value: number): Cycles => value as Cycles;
export const bytes = (value: number): Bytes => value as Bytes;
export const megahertz = (value: number): MHz => value as MHz;
export const microseconds = (value: number): Microseconds => value as Microseconds;
export const gigabytesPerSecond = (value: number): GBps => value as GBps;

export const mebibytes = (count: number): Bytes => bytes(count * 2 ** 20);
