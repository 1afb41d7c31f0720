/**
 * A check as JSON: the result with a version and a link to its schema (schema/check.schema.json). Keys come in a fixed
 * order, so that two runs can be compared as text.
 */

import { type CheckResult, verdictState } from '../support/verdict.ts';

/** Raised when a field goes or changes its meaning; a new field does not raise it. */
export const checkSchemaVersion = 1;

export interface CheckJsonOptions {
  /** Names of nodes that the rules accept and our compiler cannot lower. */
  readonly notEmulated?: ReadonlySet<string>;
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
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}
