/**
 * A prepared graph → what it becomes on a target, with everything that was decided on the way: gates balanced, verdicts,
 * scales, Plan. Every other view of a network (report, board files, gains) starts from here, so that all of them speak of the
 * same compilation.
 */

import { type Precision, precisionName } from '../base/data-type.ts';
import { fail } from '../base/errors.ts';
import type { Graph } from '../graph/graph.ts';
import { balanceGates } from '../quantize/balance-gates.ts';
import type { RangeChange } from '../quantize/equalize-ranges.ts';
import type { QuantizedGraph } from '../quantize/quantize.ts';
import { quantize } from '../quantize/quantize.ts';
import { valuesOnDla } from '../quantize/scaled-values.ts';
import { dummyRanges } from '../quantize/scales.ts';
import { check } from '../support/check.ts';
import type { CheckResult } from '../support/verdict.ts';
import { type Compiled, type CompileOptions, compile } from './compile.ts';

export interface CompilationOptions extends CompileOptions {
  readonly precision: Precision;
}

export interface Compilation extends Compiled {
  /** What the network was compiled with. Board files and reports take their flags from here. */
  readonly options: CompilationOptions;
  /** The verdicts on the prepared graph. */
  readonly checked: CheckResult;
  /** What was compiled: the prepared graph with its gates balanced, and its scales after the equal-range rules. */
  readonly quantized: QuantizedGraph;
  readonly rangeChanges: readonly RangeChange[];
  /** Multiplications of features by gates that were given a factor, so that equal ranges cost the gates no levels. */
  readonly balancedGates: readonly string[];
}

/**
 * @param scales value → scale, from a calibration; trtexec's dummy ranges when undefined
 * @throws calibrate/cache-missing when a tensor has no scale; compile/accumulator-overflow, compile/memory; compile/unsupported
 *   when the target has no such precision or sparse mode, when FP16 is given scales, or when an input cannot have the format
 */
export function compileNetwork(
  network: Graph,
  scales: ReadonlyMap<string, number> | undefined,
  options: CompilationOptions,
): Compilation {
  const { target, release, precision } = options;
  requireModes(options);
  if (scales && precision === 'float16') {
    fail(
      'compile/unsupported',
      'FP16 has no ranges: a calibration goes with INT8',
      {},
      { actual: precisionName(precision) },
    );
  }
  const calibrated =
    scales !== undefined ? balanceGates(network, scales) : { graph: network, scales: dummyRanges(network), gates: [] };
  const { graph, gates } = calibrated;
  const checked = check(graph, { target, release, precision });
  const ranges = precision === 'float16' ? 'none' : scales ? 'calibrated' : 'dummy';
  const { quantized, changes } = quantize(graph, calibrated.scales, ranges, valuesOnDla(graph, checked));
  const compiled = compile(quantized, checked, options);
  return { ...compiled, options, checked, quantized, rangeChanges: changes, balancedGates: gates };
}

/** @throws compile/unsupported for a mode that the target does not have */
function requireModes({ target, precision, sparsity }: CompilationOptions): void {
  if (sparsity === 'enable' && precision === 'float16') {
    const detail = { expected: 'int8', actual: precisionName(precision) };
    fail('compile/unsupported', 'only INT8 convolutions have a sparse mode', {}, detail);
  }
  if (sparsity === 'enable' && target.generation !== 'orin') {
    fail(
      'compile/unsupported',
      'sparsity goes with Orin: no other DLA has a sparse mode',
      {},
      { expected: 'orin', actual: target.name },
    );
  }
}

/** Why nodes of the network as given run on the host: what the rules or the compiler say. What is not known of them has none. */
export function hostReasons({ checked, notEmulated, quantized }: Partial<Compilation>): ReadonlyMap<string, string> {
  const refused = new Map(
    checked?.verdicts.map(({ node, refusals }) => [node, refusals.map(({ message }) => message).join(' ')]),
  );
  const reasons = new Map<string, string>();
  for (const { name, origin } of quantized?.graph.nodes ?? []) {
    const reason = refused.get(name) || notEmulated?.get(name);
    if (reason) for (const node of origin) reasons.set(node, reason);
  }
  return reasons;
}
