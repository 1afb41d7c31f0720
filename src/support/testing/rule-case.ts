/** A rule at its limit and one beyond. */

import type { Graph } from '../../graph/graph.ts';
import type { Precision } from '../rule.ts';

export interface RuleCase {
  readonly rule: string;
  readonly passes: readonly Graph[];
  /** Graph, limit, value. */
  readonly fails: readonly (readonly [Graph, number | string, number | string])[];
  /** `orin` when not given. */
  readonly target?: string;
  readonly release?: string;
  readonly precision?: Precision;
}
