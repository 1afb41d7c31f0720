/** Tables of the generated pages. */

export interface MarkdownColumn {
  readonly title: string;
  /** Figures stand right. */
  readonly right?: boolean;
}

const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

export const markdownTable = (columns: readonly MarkdownColumn[], rows: readonly (readonly string[])[]): string =>
  [
    line(columns.map(({ title }) => title)),
    `|${columns.map(({ right }) => (right ? '---:' : '---')).join('|')}|`,
    ...rows.map((row) => line(row.map((cell) => cell.replaceAll('|', '\\|')))),
  ].join('\n');
