/** A compiled network → its report, and the report as JSON (schema/report.schema.json). */

import type { Compilation } from '../compile/compilation.ts';
import { withMemoryNotes } from '../compile/memory-notes.ts';
import type { Estimate } from '../estimate/estimate-result.ts';
import type { Evaluation } from '../evaluate/evaluate.ts';
import type { Plan } from '../program/program.ts';
import { withOffers } from '../rewrite/offers.ts';
import type { PreparedNetwork } from '../rewrite/rewrite.ts';
import { check } from '../support/check.ts';
import { version } from '../version.ts';
import { gains, type PlanTime } from './gains.ts';
import { reportEdges, reportNodes, segmentSummaries } from './plan-summary.ts';
import type { Report } from './report.ts';

/** Raised when a field goes or changes its meaning; a new field does not raise it. */
export const reportSchemaVersion = 3;

export interface ReportSources {
  /** The estimates in every power mode that the report shows, the module's fastest first. */
  readonly estimates: (plan: Plan) => readonly Estimate[];
  /** The time in the module's fastest mode, in which gains are told. */
  readonly timeOf: (plan: Plan) => PlanTime;
  readonly evaluation?: Evaluation;
}

/** The original is judged with the options of the compilation, so that the two can be compared. */
export function makeReport(
  network: PreparedNetwork,
  compilation: Compilation,
  { estimates, timeOf, evaluation }: ReportSources,
): Report {
  const { plan } = compilation.network;
  const { options } = compilation;
  const judged = withOffers(network.original, check(network.original, options), options);
  const original = withMemoryNotes(network.original, judged, options);
  const hasDla = plan.segments.some((segment) => segment.kind === 'dla');
  return {
    dlakit: version,
    network: plan.network,
    target: plan.target,
    release: plan.release,
    precision: original.precision,
    original,
    prepared: compilation.checked,
    applied: network.applied,
    nodes: reportNodes(network.original, original, compilation.notEmulated),
    edges: reportEdges(network.original),
    batch: plan.batch,
    ranges: plan.ranges,
    segments: segmentSummaries(plan),
    estimates: hasDla ? estimates(plan) : [],
    ...(evaluation && { evaluation }),
    ...gains(network, original, compilation, timeOf),
  };
}

export const reportJson = (report: Report): string =>
  `${JSON.stringify({ $schema: 'dlakit/schema/report.schema.json', schemaVersion: reportSchemaVersion, ...report }, replace, 2)}\n`;

export const evaluationJson = (evaluation: Evaluation): string => JSON.stringify(evaluation, replace, 2);

/** JSON has no Infinity: the signal-to-noise ratio of an error-free tensor is null. */
const replace = (_key: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isFinite(value) ? null : value;
