/** A report as JSON: the Report value itself, with a version and a link to its schema. */

import type { Report } from './report.ts';

const reportSchemaVersion = 1;

export const reportJson = (report: Report): string =>
  `${JSON.stringify({ $schema: 'dlakit/schema/report.schema.json', schemaVersion: reportSchemaVersion, ...report }, replace, 2)}\n`;

/** JSON has no Infinity: an error-free tensor's signal-to-noise ratio is null. */
const replace = (_key: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isFinite(value) ? null : value;
