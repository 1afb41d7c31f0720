/**
 * A check as terminal text. First the answer: how much runs on the DLA, in how many loadables. Then everything that
 * does not, grouped by rule and by what to do about it, one line per node with its own value beside the limit. Then what
 * is worth knowing, and the segments in the order in which they run.
 *
 * A node is in one of three states that must not be confused: on the GPU because a rule refuses it; on the DLA; or on
 * the DLA of the board but *not emulated* here, because our compiler cannot lower it (the caller says which).
 */

import { type CheckResult, placeNames, type Refusal, type Verdict, verdictState } from '../support/verdict.ts';
import { formatMacs, heading, paint, percent, printable, shorten, type TextOptions, table } from './table.ts';

export interface CheckTextOptions extends TextOptions {
  /** Also list every node, and the source of every rule. */
  readonly verbose?: boolean;
  /** Names of nodes that the rules accept and our compiler cannot lower; they run on onnxruntime. */
  readonly notEmulated?: ReadonlySet<string>;
  /** What `coverageText` says of the scales that the network was compiled with. */
  readonly scales?: string;
}

const DEFAULT_WIDTH = 110;
/** A space at which no line is broken. */
const JOINT = '\u00a0';

export function checkText(result: CheckResult, options: CheckTextOptions = {}): string {
  const sections = [
    summary(result, options),
    refused(result, options),
    notEmulated(result, options),
    warned(result, options),
    options.scales ?? '',
    segments(result, options),
    result.notes.length === 0
      ? ''
      : [heading('Notes', options), ...result.notes.map((note) => item(note, options))].join('\n'),
    options.verbose ? everyNode(result, options) : '',
  ];
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`;
}

function summary(result: CheckResult, options: CheckTextOptions): string {
  const { verdicts, macs, elsewhere } = result;
  const on = (placement: Verdict['placement']) => verdicts.filter((verdict) => verdict.placement === placement).length;
  const running = verdicts.length - on('build-time');
  const loadables = result.segments.filter(({ kind }) => kind === 'dla').length;
  const share = macs.total === 0 ? '' : `, ${percent(macs.dla / macs.total)} of ${formatMacs(macs.total)}`;
  const title = `${printable(result.network) || 'network'} on ${result.target}, ${result.release}, ${result.precision.toUpperCase()}`;
  const verdict = `${on('dla')} of ${plural(running, 'node')} on the DLA${share}, in ${plural(loadables, 'loadable')}`;
  const unable = verdicts.filter((one) => verdictState(one, options.notEmulated) === 'not-emulated').length;
  const rest = [
    on(elsewhere) > 0 && paint(`${on(elsewhere)} on the ${placeNames[elsewhere]}`, 'yellow', options),
    unable > 0 && paint(notEmulatedWords(elsewhere).few(unable), 'cyan', options),
    on('build-time') > 0 && paint(`${on('build-time')} folded when the engine is built`, 'dim', options),
  ].filter((part) => typeof part === 'string');
  return [
    heading(title, options),
    `  ${paint(verdict, on(elsewhere) === 0 ? 'green' : 'bold', options)}`,
    ...(rest.length > 0 ? [`  ${rest.join(', ')}`] : []),
  ].join('\n');
}

interface RefusalGroup {
  readonly refusal: Refusal;
  readonly rows: { readonly verdict: Verdict; readonly refusal: Refusal }[];
}

/** Refusals of one rule with one piece of advice stand together, in the order in which they first appear. */
export function groupRefusals(verdicts: readonly Verdict[]): readonly RefusalGroup[] {
  const groups = new Map<string, RefusalGroup>();
  for (const verdict of verdicts) {
    for (const refusal of verdict.refusals) {
      const key = JSON.stringify([refusal.rule, refusal.rule === 'no-rule' ? verdict.op : '', refusal.fix ?? null]);
      const group = groups.get(key);
      if (group) group.rows.push({ verdict, refusal });
      else groups.set(key, { refusal, rows: [{ verdict, refusal }] });
    }
  }
  // This rule looks at what the others left, so that its refusals come last.
  const late = ({ refusal }: RefusalGroup) => (refusal.rule === 'general/loadables' ? 1 : 0);
  return [...groups.values()].sort((a, b) => late(a) - late(b));
}

function refused({ elsewhere, verdicts }: CheckResult, options: CheckTextOptions): string {
  const groups = groupRefusals(verdicts);
  if (groups.length === 0) return '';
  const nodes = verdicts.filter((verdict) => verdict.placement === elsewhere).length;
  return [
    heading(`On the ${placeNames[elsewhere]}: ${plural(nodes, 'node')}`, options),
    ...groups.map((group) => refusalBlock(group, options)),
  ].join('\n\n');
}

function refusalBlock({ refusal, rows }: RefusalGroup, options: CheckTextOptions): string {
  const ops = [...new Set(rows.map(({ verdict }) => printable(verdict.op)))].join(', ');
  const lines = [
    `  ${paint(refusal.rule, 'red', options)}  ${paint(ops, 'bold', options)}${rows.length > 1 ? ` × ${rows.length}` : ''}`,
    ...wrap(refusal.doc, 4, options),
  ];
  if (refusal.fix) {
    const pass = refusal.fix.rewrite === undefined ? '' : ` (rewrite:${JOINT}${refusal.fix.rewrite})`;
    lines.push(...wrap(`→ ${refusal.fix.advice}${pass}`, 4, options).map((line) => paint(line, 'green', options)));
  }
  if (options.verbose)
    lines.push(...wrap(`source: ${refusal.source}`, 4, options).map((line) => paint(line, 'dim', options)));
  const width = options.width ?? DEFAULT_WIDTH;
  const cell = (value: unknown) => shorten(printable(String(value ?? '')), Math.floor(width / 2));
  const told = rows.map(({ refusal: own }) => JSON.stringify([own.values.value, own.values.limit]));
  if (rows.every((_, index) => told[index] === told[0])) {
    const { value, limit, dlaSoftware } = refusal.values;
    const software = dlaSoftware === undefined ? '' : `; in the DLA's own software: ${dlaSoftware}`;
    const nodes = rows.map(({ verdict }) => printable(verdict.node).replaceAll(' ', JOINT)).join(', ');
    return [
      ...lines,
      ...wrap(`its value: ${value}; limit: ${limit}${software}`, 4, options),
      ...wrap(nodes, 6, options),
    ].join('\n');
  }
  const body = table(
    [{ title: 'node' }, { title: 'its value' }, { title: 'limit' }],
    rows.map(({ verdict, refusal: own }) => [cell(verdict.node), cell(own.values.value), cell(own.values.limit)]),
    options,
  );
  return [...lines, indent(body, 4)].join('\n');
}

/** Words for nodes that the rules accept and our compiler cannot lower: on Orin the board's DLA runs them, on the open NVDLA the host does. */
const notEmulatedWords = (elsewhere: CheckResult['elsewhere']) =>
  elsewhere === 'gpu'
    ? {
        few: (count: number) => `${count} of the DLA's not emulated`,
        heading: 'On the DLA, not emulated',
        text: 'The rules accept these; our compiler cannot lower them yet, so runs and estimates have them on onnxruntime.',
      }
    : {
        few: (count: number) => `${count} more that the compiler cannot lower`,
        heading: 'On the host, since the compiler cannot lower them',
        text: 'The rules accept these; the compiler has no way to lower them, so they run on the host.',
      };

function notEmulated({ elsewhere, verdicts }: CheckResult, options: CheckTextOptions): string {
  const nodes = verdicts.filter((verdict) => verdictState(verdict, options.notEmulated) === 'not-emulated');
  if (nodes.length === 0) return '';
  const rows = nodes.map(({ node, op }) => [printable(node), printable(op)]);
  const words = notEmulatedWords(elsewhere);
  return [
    paint(heading(`${words.heading}: ${plural(nodes.length, 'node')}`, options), 'cyan', options),
    ...wrap(words.text, 2, options),
    indent(table([{ title: 'node' }, { title: 'operator' }], rows, options), 4),
  ].join('\n');
}

/** Warnings, equal ones once with all the nodes that they are about. */
function warned({ verdicts }: CheckResult, options: CheckTextOptions): string {
  const byText = new Map<string, string[]>();
  for (const { node, warnings } of verdicts) {
    for (const warning of warnings) byText.set(warning, [...(byText.get(warning) ?? []), printable(node)]);
  }
  if (byText.size === 0) return '';
  return [
    heading('Worth knowing', options),
    ...[...byText].flatMap(([warning, nodes]) => [
      item(warning, options),
      ...wrap(options.verbose ? nodes.join(', ') : few(nodes), 4, options).map((line) => paint(line, 'dim', options)),
    ]),
  ].join('\n');
}

const few = (names: readonly string[]): string =>
  names.length <= 4 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;

function segments({ elsewhere, segments: list, macs }: CheckResult, options: CheckTextOptions): string {
  if (list.length === 0) return '';
  const isApart = list.some(({ why }) => why !== undefined);
  const whyWidth = isApart ? 30 : 0;
  const width = Math.max(40, (options.width ?? DEFAULT_WIDTH) - 40 - whyWidth);
  const rows = list.map((segment, index) => [
    String(index + 1),
    segment.kind === 'dla' ? paint('DLA', 'green', options) : paint(placeNames[elsewhere], 'yellow', options),
    shorten(printable(segment.name), width),
    String(segment.nodes.length),
    macs.total === 0 ? '' : percent(segment.macs / macs.total),
    ...(isApart ? [shorten(printable(segment.why ?? ''), whyWidth)] : []),
  ]);
  const columns = [
    { title: '#', align: 'right' },
    { title: 'on' },
    { title: 'segment' },
    { title: 'nodes', align: 'right' },
    { title: 'MACs', align: 'right' },
    ...(isApart ? [{ title: 'apart because' }] : []),
  ] as const;
  return [heading('Segments, in the order they run', options), indent(table(columns, rows, options), 2)].join('\n');
}

const states = (elsewhere: CheckResult['elsewhere']) => ({
  ...placeNames,
  'build-time': 'folded',
  'not-emulated': elsewhere === 'gpu' ? 'DLA, not emulated' : 'host',
});
const styles = { dla: 'green', gpu: 'yellow', host: 'yellow', 'build-time': 'dim', 'not-emulated': 'cyan' } as const;

function everyNode({ elsewhere, verdicts }: CheckResult, options: CheckTextOptions): string {
  const rows = verdicts.map((verdict) => {
    const state = verdictState(verdict, options.notEmulated);
    const rules = verdict.refusals.map(({ rule }) => rule).join(' ');
    return [
      printable(verdict.node),
      printable(verdict.op),
      paint(states(elsewhere)[state], styles[state], options),
      rules,
    ];
  });
  const columns = [{ title: 'node' }, { title: 'operator' }, { title: 'runs on' }, { title: 'refused by' }];
  return [heading('Every node', options), indent(table(columns, rows, options), 2)].join('\n');
}

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
const indent = (text: string, by: number): string =>
  text
    .split('\n')
    .map((line) => ' '.repeat(by) + line)
    .join('\n');

const item = (text: string, options: CheckTextOptions): string =>
  wrap(text, 4, options)
    .map((line, index) => (index === 0 ? `  •${line.slice(3)}` : line))
    .join('\n');

/** Breaks a sentence at spaces; words longer than a line stay whole. */
function wrap(text: string, by: number, options: CheckTextOptions): string[] {
  const width = Math.max(20, (options.width ?? DEFAULT_WIDTH) - by);
  const lines: string[] = [];
  let line = '';
  for (const word of printable(text).split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((one) => ' '.repeat(by) + one.replaceAll(JOINT, ' '));
}
