/**
 * A check as SARIF 2.1.0, for code scanning. The rules are those of the checker; each refusal is one result, located in
 * the ONNX file by the name of its node (a logical location: a binary file has no lines).
 */

import { limitIn, sentence } from '../support/rule.ts';
import { type NetworkRule, networkRules, rules } from '../support/rules.ts';
import type { CheckResult, Refusal, Verdict } from '../support/verdict.ts';
import { findRelease, findTarget } from '../targets/find.ts';
import type { Release } from '../targets/target.ts';

export interface SarifOptions {
  /** Path of the model as it is to be found in the repository, with `/` or `\`. */
  readonly file: string;
  /** Version of dlakit. */
  readonly version?: string;
  /** Refusals are errors without it, warnings with it. */
  readonly allowGpuFallback?: boolean;
}

export function checkSarif(result: CheckResult, options: SarifOptions): string {
  const level = options.allowGpuFallback ? 'warning' : 'error';
  const uri = artifactUri(options.file);
  const release = findRelease(findTarget(result.target), result.release);
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'dlakit',
            ...(options.version !== undefined && { version: options.version }),
            rules: listed.map((rule) => describe(rule, release)),
          },
        },
        artifacts: [{ location: { uri } }],
        results: result.verdicts.flatMap((verdict) =>
          verdict.refusals.map((refusal) => resultOf(verdict, refusal, result, uri, level)),
        ),
        properties: { target: result.target, release: result.release, precision: result.precision },
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function resultOf(verdict: Verdict, refusal: Refusal, check: CheckResult, uri: string, level: 'error' | 'warning') {
  const fix = refusal.fix ? ` ${refusal.fix.advice}` : '';
  return {
    ruleId: refusal.rule,
    ruleIndex: listed.findIndex(({ id }) => id === refusal.rule),
    level,
    message: { text: `${refusal.message}. ${refusal.doc}${fix}` },
    locations: [
      {
        physicalLocation: { artifactLocation: { uri, index: 0 } },
        logicalLocations: [
          {
            name: verdict.node,
            fullyQualifiedName: check.network === '' ? verdict.node : `${check.network}/${verdict.node}`,
            kind: 'element',
          },
        ],
      },
    ],
    // Stays the same when other nodes come and go, so that a known refusal can be suppressed.
    partialFingerprints: { 'nodeAndRule/v1': `${verdict.node}#${refusal.rule}` },
    properties: {
      operator: verdict.op,
      ...refusal.values,
      ...(refusal.fix?.rewrite !== undefined && { rewrite: refusal.fix.rewrite }),
    },
  };
}

/** A relative URI: segments percent-encoded, `\` as `/`, a drive letter or leading `/` as a file URI. */
function artifactUri(file: string): string {
  const path = file.replaceAll('\\', '/').split('/').map(encodeURIComponent).join('/');
  if (/^[A-Za-z]%3A\//.test(path)) return `file:///${path.replace('%3A', ':')}`;
  return path.startsWith('/') ? `file://${path}` : path;
}

const listed: readonly NetworkRule[] = [...networkRules, ...rules.filter(({ severity }) => severity === 'refuse')];

/** The rule's sentence for the release, or the newest sentence of a rule that the release does not have. */
function describe(rule: NetworkRule, release: Release) {
  const limit = limitIn(rule.limits, release) ?? rule.limits.at(-1)!;
  const [doc, { source, evidence }] = [sentence(rule, limit), limit];
  return {
    id: rule.id,
    shortDescription: { text: doc },
    fullDescription: { text: `${doc} Source: ${source}.` },
    help: { text: `${doc} Source: ${source}. See docs/rules.md.` },
    defaultConfiguration: { level: 'error' },
    properties: { tags: ['dla', rule.id.split('/')[0]!], evidence },
  };
}
