/** Tables and colours for a terminal: the few things that every text report shares. */

export interface TextOptions {
  /** ANSI colours; off when the output is piped. */
  readonly colour?: boolean;
  /** Columns of the terminal; long cells are not wrapped beyond it. */
  readonly width?: number;
}

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

const codes: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

export function paint(text: string, style: Style, options: TextOptions): string {
  if (!options.colour || text === '') return text;
  const [on, off] = codes[style];
  return `\u001b[${on}m${text}\u001b[${off}m`;
}

/** Terminal control characters in names from a file would reach the user's terminal: they are shown as `�`. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
const controls = /[\u0000-\u001f\u007f-\u009f]/g;
export const printable = (text: string): string => text.replace(controls, '\ufffd');

// biome-ignore lint/suspicious/noControlCharactersInRegex: matches our own colour codes
const visibleLength = (text: string): number => text.replace(/\u001b\[\d+m/g, '').length;

function pad(text: string, width: number, align: 'left' | 'right'): string {
  const space = ' '.repeat(Math.max(0, width - visibleLength(text)));
  return align === 'right' ? space + text : text + space;
}

/** Rows under titles, columns two spaces apart. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  options: TextOptions = {},
): string {
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...rows.map((row) => visibleLength(row[index] ?? ''))),
  );
  const line = (cells: readonly string[]) =>
    columns
      .map((column, index) => pad(cells[index] ?? '', widths[index]!, column.align ?? 'left'))
      .join('  ')
      .trimEnd();
  return [paint(line(columns.map((column) => column.title)), 'dim', options), ...rows.map(line)].join('\n');
}

export const heading = (text: string, options: TextOptions): string => paint(text, 'bold', options);

/** 1234567 → `1,234,567`. */
export const grouped = (value: number): string =>
  Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, ',');

/** Images a second: whole above 100, three digits below. */
export const formatRate = (value: number): string =>
  value >= 100 ? grouped(value) : value.toFixed(value >= 10 ? 1 : 2);

export const percent = (fraction: number, digits = 1): string => `${(fraction * 100).toFixed(digits)} %`;

/** Bytes with a binary unit: 1536 → `1.5 KiB`. */
export function formatBytes(value: number): string {
  if (value < 1024) return `${value} B`;
  if (value < 1024 ** 2) return `${(value / 1024).toFixed(1)} KiB`;
  if (value < 1024 ** 3) return `${(value / 1024 ** 2).toFixed(2)} MiB`;
  return `${(value / 1024 ** 3).toFixed(2)} GiB`;
}

/** Multiply-accumulates with an SI unit: 4.09e9 → `4.09 GMAC`. */
export function formatMacs(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(2)} GMAC`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)} MMAC`;
  if (value >= 1e3) return `${(value / 1e3).toFixed(2)} kMAC`;
  return `${value} MAC`;
}

/** Microseconds with a fitting unit: 1530 → `1.53 ms`. */
export const formatTime = (us: number): string =>
  us >= 1000 ? `${(us / 1000).toFixed(us >= 100_000 ? 0 : 2)} ms` : `${us.toFixed(1)} µs`;

export const shorten = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, Math.max(1, length - 1))}…`;
