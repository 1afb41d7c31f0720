/**
 * A check as JSON: the result with a version and a link to its schema (schema/check.schema.json). Keys come in a fixed
 * order, so that two runs can be compared as text.
 */

import type { ScaleCoverage } from '../quantize/coverage.ts';
import type { UnmatchedName } from '../quantize/match-names.ts';
import { type CheckResult, verdictState } from '../support/verdict.ts';

/** Raised when a field goes or changes its meaning; a new field does not raise it. */
export const checkSchemaVersion = 1;

export interface CheckJsonOptions {
  /** Names of nodes that the rules accept and our compiler cannot lower. */
  readonly notEmulated?: ReadonlySet<string>;
  /** The network as it was compiled, with whose scales. */
  readonly compilation?: { readonly coverage: ScaleCoverage; readonly unmatched: readonly UnmatchedName[] };
}

function scalesJson({ coverage, unmatched }: NonNullable<CheckJsonOptions['compilation']>) {
  const { needed, missing, islands, fused, propagated } = coverage;
  return {
    needed,
    missing: missing.map(({ value, nodes, remedy }) => ({ tensor: value, nodes, remedy })),
    islands,
    fused,
    propagated: [...propagated].map(([tensor, { from, scale }]) => ({ tensor, from, scale })),
    unmatched: unmatched.map(({ name, kind, nearest }) => ({ name, kind, nearest })),
  };
}

export function checkJson(result: CheckResult, options: CheckJsonOptions = {}): string {
  const value = {
    $schema: 'dlakit/schema/check.schema.json',
    schemaVersion: checkSchemaVersion,
    network: result.network,
    target: result.target,
    release: result.release,
    precision: result.precision,
    elsewhere: result.elsewhere,
    macs: { total: result.macs.total, dla: result.macs.dla },
    nodes: result.verdicts.map((verdict) => ({
      node: verdict.node,
      op: verdict.op,
      state: verdictState(verdict, options.notEmulated),
      refusals: verdict.refusals.map(({ rule, doc, source, message, values, fix }) => ({
        rule,
        doc,
        source,
        message,
        values,
        ...(fix && { fix: { ...(fix.rewrite !== undefined && { rewrite: fix.rewrite }), advice: fix.advice } }),
      })),
      warnings: verdict.warnings,
    })),
    segments: result.segments.map(({ kind, name, nodes, macs, why }) => ({
      kind,
      name,
      nodes,
      macs,
      ...(why && { why }),
    })),
    notes: result.notes,
    ...(options.compilation && { scales: scalesJson(options.compilation) }),
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}
