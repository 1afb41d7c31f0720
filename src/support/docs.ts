/** The pages docs/operators.md and docs/rules.md, from the same lists that the checker reads. */

import { jetpack60, jetpack511 } from '../targets/releases.ts';
import type { Release } from '../targets/target.ts';
import { type Operator, operators, reach, type Support } from './operators.ts';
import type { Rule, Version } from './rule.ts';
import { sentence } from './rule.ts';
import { nvdlaOperators } from './rules/nvdla/operators.ts';
import { rules, verdictRules } from './rules.ts';

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

/** Every rule with its sentence, what it holds for, and its source. */
export function rulesPage(): string {
  const sections = rules.flatMap((rule) => [
    '',
    `## ${rule.id}`,
    '',
    `${sentence(rule)}`,
    '',
    `* ${rule.severity === 'warn' ? 'Warning: the node stays on the DLA' : `Refusal: the node runs on the ${isOpen(rule) ? 'host' : 'GPU'}`}`,
    `* Operators: ${rule.operators ? rule.operators.map((op) => `\`${op}\``).join(', ') : 'all'}`,
    ...scope(rule).map((text) => `* ${text}`),
    `* Source (${rule.confidence}): ${rule.source}`,
  ]);
  const special = verdictRules.flatMap(({ id, doc, source }) => ['', `## ${id}`, '', doc, '', `* Source: ${source}`]);
  return [
    '# Rules',
    '',
    `The ${rules.length + verdictRules.length} rules that decide what runs on the DLA. \`dla check\` names them; suppress or track them by id.`,
    '',
    "* *stated*: read in NVIDIA's own text; *second-hand*: read in a copy, digest or log; *unverified*: from memory, or our",
    '  reading where the documents are silent.',
    ...special,
    ...sections,
  ].join('\n');
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

function scope(rule: Rule): readonly string[] {
  const version = (parts: Version) => `TensorRT ${parts.join('.')}`;
  return [
    rule.since && `From ${version(rule.since)} on`,
    rule.until && `Before ${version(rule.until)}`,
    rule.generations && `Only on ${rule.generations.join(', ')}`,
    rule.precisions && `Only in ${rule.precisions.join(', ')}`,
  ].filter((text): text is string => typeof text === 'string');
}

const row = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;

/** GitHub's anchor of a heading. */
const anchor = (id: string): string => id.toLowerCase().replace(/[^a-z0-9-]/g, '');
