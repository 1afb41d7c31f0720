/** Findings of the validator: the broken rule, the place, what was expected and what is there. */

import { DlakitError, type Problem } from '../../../base/errors.ts';

/** The rules. Their names are stable: people silence and search for them. */
export const loadableRules = {
  readable: 'Every list of descriptors can be read.',
  memory: 'A memory has a size and an alignment that is a power of two or none.',
  blob: 'A blob has a name of its own, the bytes it says, and fits the memory that it fills.',
  address: 'An address begins in its memory, and every position that descriptors name is in the list.',
  tensor: 'The tensor of an input or output fits its memory, and its strides fit its shape.',
  bind: 'Inputs and outputs have bind ids of their own, from 0.',
  submit: 'Every task is submitted, once.',
  network: 'The network descriptor counts what its lists hold.',
  head: 'The first operation of an engine is its head.',
  chain: 'The operations of an engine are all linked, each once.',
  consumer: 'A consumer is an operation of the engine whose slot it is in, at an event that operations raise.',
  'fused-parent': 'What is handed on in hardware goes from an operation to its fused child and nowhere else.',
  'dependency-count': 'An operation waits for as many events as others name it for.',
  cycle: 'No operation waits for itself, with two register groups to each engine.',
  'cube-memory': 'A cube lies in a memory that the target has.',
  'cube-size': 'A cube has 1 to 8192 columns, rows and channels.',
  'cube-alignment': 'Cubes begin and step on whole atoms.',
  'cube-strides': 'Strides hold the lines and surfaces that they step over.',
  'cube-bounds': 'A cube lies within its memory.',
  precision: 'The target computes in the precision.',
  engine: 'The target has the engine or unit.',
  field: 'A field is in the range of its register.',
  shape: 'The cubes of an operation fit together.',
  'entries-per-slice': 'A slice takes as many entries of the convolution buffer as its row does.',
  'data-banks': 'The rows of the input fit the banks for data.',
  'weight-banks': 'The weights of one kernel group fit the banks for weights.',
  banks: 'Data and weights have banks of their own.',
  weights: 'Weights have as many bytes as the kernels need.',
  stripes: 'The stripes of a pooling cover its result, and fit the line buffer.',
  emulator:
    'The host emulator does softmax and powers, on features in atoms of the target, from a buffer to one like it.',
  lut: 'A lookup table that an operation names is there.',
} as const;

export type LoadableRule = keyof typeof loadableRules;

/** A broken rule. Its code is `loadable/target` where another target would keep it, `loadable/corrupt` otherwise. */
export interface LoadableProblem extends Problem {
  readonly rule: LoadableRule;
  readonly task?: number;
  /** Position in the task's lists. */
  readonly operation?: number;
  /** The operation's field, as in descriptors.ts: `op.dataBank`, `surfaces.src.lineStride`. */
  readonly field?: string;
}

export interface Position {
  readonly task?: number;
  readonly operation?: number;
  /** Type of the operation, for messages. */
  readonly type?: string;
}

export interface Detail {
  readonly field?: string;
  readonly expected?: string | number;
  readonly actual?: string | number;
  /** Whether another target would keep the rule. */
  readonly target?: boolean;
}

/** Findings that are reported at most: a hostile loadable could break rules without end. */
const mostFindings = 1000;

/** Collects broken rules; `at` gives a collector for a part of the loadable. */
export class Findings {
  readonly problems: LoadableProblem[];
  readonly #position: Position;

  constructor(problems: LoadableProblem[] = [], position: Position = {}) {
    this.problems = problems;
    this.#position = position;
  }

  at(position: Position): Findings {
    return new Findings(this.problems, { ...this.#position, ...position });
  }

  add(rule: LoadableRule, message: string, { field, expected, actual, target }: Detail = {}): void {
    if (this.problems.length >= mostFindings) return;
    const { task, operation, type } = this.#position;
    const where = [
      task !== undefined && `task ${task}`,
      operation !== undefined && `operation ${operation} (${type})`,
    ].filter((part) => typeof part === 'string');
    this.problems.push({
      code: target ? 'loadable/target' : 'loadable/corrupt',
      rule,
      message,
      place: { ...(where.length > 0 && { layer: where.join(', ') }), ...(field !== undefined && { value: field }) },
      ...(task !== undefined && { task }),
      ...(operation !== undefined && { operation }),
      ...(field !== undefined && { field }),
      ...(expected !== undefined && { expected: String(expected) }),
      ...(actual !== undefined && { actual: String(actual) }),
    });
  }

  /** A whole number in [least, most]. */
  range(field: string, value: number, least: number, most: number, rule: LoadableRule = 'field'): boolean {
    const fits = Number.isInteger(value) && value >= least && value <= most;
    if (!fits) this.add(rule, `${field} is out of range`, { field, expected: `${least} to ${most}`, actual: value });
    return fits;
  }

  equal(rule: LoadableRule, field: string, actual: number, expected: number, message: string): boolean {
    if (actual === expected) return true;
    this.add(rule, message, { field, expected, actual });
    return false;
  }

  /** Runs work that may refuse the bytes, and makes a refusal a finding. */
  reading<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof DlakitError)) throw error;
      const { message, expected, actual } = error.problem;
      this.add('readable', message, { ...(expected && { expected }), ...(actual && { actual }) });
      return undefined;
    }
  }
}
