/** The pages docs/operators.md and docs/rules.md, from the same lists that the checker reads. */

import { precisionName } from '../base/data-type.ts';
import { jetpack60, jetpack511 } from '../targets/releases.ts';
import type { Release } from '../targets/target.ts';
import { type Operator, operators, reach, type Support } from './operators.ts';
import { type Limit, type Rule, type Severity, sentence } from './rule.ts';
import { nvdlaOperators } from './rules/nvdla/operators.ts';
import { type NetworkRule, networkRules, rules } from './rules.ts';

/** Which operators reach the DLA, per release, with the layer rules that govern them. */
export function operatorsPage(): string {
  const rows = operators.map((item) =>
    row([
      `\`${item.op}\``,
      state(item, jetpack60),
      state(item, jetpack511),
      describe(item.tensorrt, 'TensorRT'),
      describe(item.dla, 'DLA'),
      rulesFor(item.op).map(link).join(' '),
      [item.recipe && `recipe ${item.recipe}`, item.remark].filter(Boolean).join('; '),
    ]),
  );
  return [
    '# Operators',
    '',
    "What NVIDIA's operator matrix says of each ONNX operator, and the rules that dlakit checks for it. Rules for every",
    'operator (`general/…`) are not repeated here. Operators that are not listed run on the GPU.',
    '',
    '* **native**: it becomes a DLA layer, within its rules; **reconstruct**: it can be written with native operators;',
    '  **GPU**: it is not offered; **folded**: it vanishes before anything runs.',
    '',
    'Source: operators README of NVIDIA/Deep-Learning-Accelerator-SW @ ea61780.',
    '',
    row(['operator', 'JetPack 6.0', 'JetPack 5.1.1', 'through TensorRT', "in the DLA's software", 'rules', 'remarks']),
    row(Array.from({ length: 7 }, () => '---')),
    ...rows,
    ...openNvdlaSection(),
  ].join('\n');
}

/** Every rule with its sentence, what it holds for, and the limits of each release with their sources. */
export function rulesPage(): string {
  const sections = rules.flatMap((rule) => [
    '',
    `## ${rule.id}`,
    '',
    sentence(rule, newest(rule)),
    '',
    `* ${consequence(rule.severity, rule)}`,
    `* Operators: ${rule.operators ? rule.operators.map((op) => `\`${op}\``).join(', ') : 'all'}`,
    ...scope(rule).map((text) => `* ${text}`),
    ...limitLines(rule, rule),
  ]);
  const special = networkRules.flatMap((rule) => [
    '',
    `## ${rule.id}`,
    '',
    sentence(rule, newest(rule)),
    '',
    ...limitLines(rule),
  ]);
  return [
    '# Rules',
    '',
    `The ${rules.length + networkRules.length} rules that decide what runs on the DLA. \`dla check\` names them; suppress or track them by id. Where`,
    'releases differ, a rule keeps its id and has a limit for each; the sentence is that of the newest.',
    '',
    '* *documented*: a guide, a page or a README of NVIDIA states it; *header*: the headers of TensorRT do; *log*: a build log',
    '  or an issue shows it; *inferred*: from memory, or our reading where the documents are silent.',
    ...special,
    ...sections,
  ].join('\n');
}

const newest = ({ limits }: NetworkRule): Limit => limits.at(-1)!;

const consequence = (severity: Severity, rule: Rule): string =>
  severity === 'warn'
    ? 'Warning: the node stays on the DLA'
    : `Refusal: the node runs on the ${isOpen(rule) ? 'host' : 'GPU'}`;

/** Where a limit is published; of a rule that releases differ in, each limit with its releases and its sentence. */
function limitLines(rule: NetworkRule, of?: Rule): readonly string[] {
  return rule.limits.map((limit) => {
    const said = `(${limit.evidence}): ${limit.source}`;
    const releases = releasesOf(limit);
    if (releases === '') return `* Source ${said}`;
    const other = of && limit.severity && limit.severity !== of.severity ? ` ${consequence(limit.severity, of)}.` : '';
    return `* ${releases}: ${sentence(rule, limit)}${other} Source ${said}`;
  });
}

function releasesOf({ since, until }: Limit): string {
  const [from, before] = [since?.join('.'), until?.join('.')];
  if (from && before) return `TensorRT ${from} up to before ${before}`;
  if (from) return `TensorRT ${from} and later`;
  return before ? `TensorRT before ${before}` : '';
}

/** TensorRT's; those of the open NVDLA have a section of their own. */
const rulesFor = (op: string): readonly Rule[] => rules.filter((rule) => rule.operators?.includes(op) && !isOpen(rule));
const isOpen = (rule: Rule): boolean => rule.generations?.every((generation) => generation === 'nvdla') ?? false;

/** What the open NVDLA runs, by operator. */
function openNvdlaSection(): readonly string[] {
  const open = rules.filter(isOpen);
  return [
    '',
    '## Open NVDLA',
    '',
    'On the configurations of the open NVDLA (`nv_small`, `nv_full`, …) these operators become hardware layers, or vanish into',
    'one, within their rules; all others run on the host.',
    '',
    row(['operator', 'rules']),
    row(['---', '---']),
    ...[...nvdlaOperators].map((op) =>
      row([
        `\`${op}\``,
        open
          .filter((rule) => rule.operators?.includes(op))
          .map(link)
          .join(' '),
      ]),
    ),
  ];
}

const link = ({ id }: Rule): string => `[\`${id}\`](rules.md#${anchor(id)})`;

const words = { native: 'native', reconstruction: 'reconstruct', rfe: 'GPU', 'build-time': 'folded' } as const;
const state = (item: Operator, release: Release): string => words[reach(item.op, release)];

const describe = ({ how, since }: Support, what: string): string =>
  since ? `${words[how]} since ${what} ${since.join('.')}` : words[how];

const scope = ({ generations, precisions }: Rule): readonly string[] =>
  [
    generations && `Only on ${generations.join(', ')}`,
    precisions && `Only in ${precisions.map(precisionName).join(', ')}`,
  ].filter((text): text is string => typeof text === 'string');

const row = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;

/** GitHub's anchor of a heading. */
const anchor = (id: string): string => id.toLowerCase().replace(/[^a-z0-9-]/g, '');
