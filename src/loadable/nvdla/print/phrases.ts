/** The words of a printed loadable: parts of a line that hold the neutral value are left out, codes are named. */

/** A part of a line; undefined, false and empty ones are left out. */
export type Phrase = string | false | undefined;

export const phrase = (...parts: readonly Phrase[]): string => parts.filter((part) => part).join(', ');

/** `stride 2`; left out where the value is neutral (stride 1, padding 0, …). */
export const unless = (neutral: number, label: string, value: number, unit = ''): Phrase =>
  value !== neutral && `${label} ${value}${unit}`;

/** Reserved fields, of those that are not zero. */
export const reserved = (fields: Readonly<Record<string, number | readonly number[]>>): Phrase =>
  phrase(
    ...Object.entries(fields).map(([name, value]) => {
      const values = typeof value === 'number' ? [value] : value;
      return values.some((one) => one !== 0) && `${name} ${values.join(' ')}`;
    }),
  );

/** The name of a code; `unknown (7)` for one without a name. */
export const named = (names: Readonly<Record<number, string>>, value: number): string =>
  Object.hasOwn(names, value) ? names[value]! : `unknown (${value})`;

export const count = (value: number, one: string, many = `${one}s`): string => `${value} ${value === 1 ? one : many}`;

export const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

const bare = /^[A-Za-z0-9_][A-Za-z0-9_.:/-]*$/;
/** Characters that move the cursor or turn the direction of text. */
const unprintable = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** A name as it is, or in the quotes and escapes of JSON where it holds more than letters. */
export const quoted = (name: string): string =>
  bare.test(name)
    ? name
    : JSON.stringify(name).replace(unprintable, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
