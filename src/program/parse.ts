/**
 * Reads what print.ts writes. Types and ranges are checked line by line against the schemas; untrusted text has to pass the
 * validators as well (validateProgram, validatePlan), which check how the parts fit together.
 */

import { fail } from '../base/errors.ts';
import type * as z from '../base/schema.ts';
import type { Layer } from './layer.ts';
import { parseStatements, type Statement } from './notation.ts';
import type { ConstantRef, Plan, PlanTensor, Program, Segment } from './program.ts';
import {
  constantSchema,
  layerSchema,
  planHeadSchema,
  planTensorSchema,
  programHeadSchema,
  type SegmentHead,
  segmentHeadSchema,
  surfaceSchema,
} from './schema.ts';
import type { Surface } from './surface.ts';

/** @throws program/syntax, with the line */
export function parseProgram(text: string): Program {
  const reader = new StatementReader(parseStatements(text));
  const program = readProgram(reader);
  reader.end();
  return program;
}

/** @throws program/syntax, with the line */
export function parsePlan(text: string): Plan {
  const reader = new StatementReader(parseStatements(text));
  const head = reader.one('plan', planHeadSchema);
  const tensors: readonly PlanTensor[] = reader.many('tensor', planTensorSchema);
  const segments: Segment[] = [];
  while (reader.sees('segment')) {
    const segment: SegmentHead = reader.one('segment', segmentHeadSchema);
    segments.push(segment.kind === 'dla' ? { ...segment, program: readProgram(reader) } : segment);
  }
  reader.end();
  return { ...head, tensors, segments };
}

function readProgram(reader: StatementReader): Program {
  const head = reader.one('program', programHeadSchema);
  const surfaces: readonly Surface[] = reader.many('surface', surfaceSchema);
  const constants: readonly ConstantRef[] = reader.many('constant', constantSchema);
  const layers: readonly Layer[] = reader.many('layer', layerSchema);
  return { ...head, surfaces, constants, layers };
}

class StatementReader {
  readonly #statements: readonly Statement[];
  #at = 0;

  constructor(statements: readonly Statement[]) {
    this.#statements = statements;
  }

  sees(keyword: string): boolean {
    return this.#statements[this.#at]?.keyword === keyword;
  }

  one<T>(keyword: string, schema: z.ZodType<T>): T {
    const statement = this.#statements[this.#at];
    if (statement?.keyword !== keyword) return this.#unexpected(keyword);
    this.#at++;
    return checked(statement, schema);
  }

  many<T>(keyword: string, schema: z.ZodType<T>): readonly T[] {
    const values: T[] = [];
    while (this.sees(keyword)) values.push(this.one(keyword, schema));
    return values;
  }

  end(): void {
    if (this.#at < this.#statements.length) this.#unexpected('the end');
  }

  #unexpected(expected: string): never {
    const statement = this.#statements[this.#at];
    const line = statement?.line ?? (this.#statements.at(-1)?.line ?? 0) + 1;
    return fail(
      'program/syntax',
      'unexpected statement',
      { line },
      { expected, actual: statement?.keyword ?? 'the end' },
    );
  }
}

function checked<T>(statement: Statement, schema: z.ZodType<T>): T {
  const result = schema.safeParse(statement.fields);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path.join('.') ?? '';
  const what = path === '' ? statement.keyword : `${statement.keyword} field ${path}`;
  return fail('program/syntax', `${what}: ${(issue?.message ?? 'not as it should be').slice(0, 200)}`, {
    line: statement.line,
  });
}
