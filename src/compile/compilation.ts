/**
 * A prepared graph → what it becomes on a target, with everything that was decided on the way: gates balanced, verdicts,
 * scales, Plan. Every other view of a network (report, board files, gains) starts from here, so that all of them speak of the
 * same compilation.
 */

import { type Precision, precisionName } from '../base/data-type.ts';
import { DlakitError, fail } from '../base/errors.ts';
import type { Graph } from '../graph/graph.ts';
import { balanceGates } from '../quantize/balance-gates.ts';
import { fusesUnscaled, markFusable, type ScaleCoverage } from '../quantize/coverage.ts';
import type { RangeChange } from '../quantize/equalize-ranges.ts';
import { type UnmatchedName, unmatchedNames } from '../quantize/match-names.ts';
import type { QuantizedGraph } from '../quantize/quantize.ts';
import { quantize } from '../quantize/quantize.ts';
import { valuesOnDla } from '../quantize/scaled-values.ts';
import { dummyRanges } from '../quantize/scales.ts';
import { check } from '../support/check.ts';
import type { CheckResult } from '../support/verdict.ts';
import { isNvdla, type Release } from '../targets/target.ts';
import { type Compiled, type CompileOptions, compile } from './compile.ts';
import { layerPrecisions, typedHalves } from './layer-precisions.ts';

export interface CompilationOptions extends Omit<CompileOptions, 'precisions'> {
  readonly precision: Precision;
  /** Gives tensors without a scale that of a neighbour of the same range. Always on where the scales are the model's own. */
  readonly propagateScales?: boolean;
  /** Nodes of the network as given that run in another precision; `*` names all others (layer-precisions.ts). */
  readonly layerPrecisions?: ReadonlyMap<string, Precision>;
}

export interface Compilation extends Compiled {
  /** What the network was compiled with. Board files and reports take their flags from here. */
  readonly options: CompilationOptions;
  /** The verdicts on the prepared graph. */
  readonly checked: CheckResult;
  /** What was compiled: the prepared graph with its gates balanced, and its scales after the equal-range rules. */
  readonly quantized: QuantizedGraph;
  /** Nodes by name whose precision was asked for, or is said by the network's types. */
  readonly precisions: ReadonlyMap<string, Precision>;
  readonly rangeChanges: readonly RangeChange[];
  /** Tensors without a scale, and what that does. */
  readonly coverage: ScaleCoverage;
  /** Names of scales that are of no tensor of the network. */
  readonly unmatched: readonly UnmatchedName[];
  /** Multiplications of features by gates that were given a factor, so that equal ranges cost the gates no levels. */
  readonly balancedGates: readonly string[];
}

/**
 * @param network prepared
 * @param scales value → scale, from a calibration, ahead of those that the model states; trtexec's dummy ranges where there are neither
 * @param original the model as read; without it every tensor needs a scale
 * @throws calibrate/cache-missing when a tensor has no scale; compile/precision; compile/accumulator-overflow, compile/memory; compile/unsupported
 *   when the target has no such precision or sparse mode, when FP16 is given scales, or when an input cannot have the format
 */
export function compileNetwork(
  network: Graph,
  scales: ReadonlyMap<string, number> | undefined,
  options: CompilationOptions,
  original?: Graph,
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
  const stated = precision === 'int8' ? network.scales : undefined;
  const known = knownScales(network, scales, stated, release);
  // What has no scale runs in FP16, and beside an open NVDLA on the host. There a calibration is asked to be whole.
  const own = known && original && (stated || !isNvdla(target)) ? new Set(original.values.keys()) : undefined;
  const calibrated = known
    ? balanceGates(network, known, own)
    : { graph: network, scales: dummyRanges(network), gates: [] };
  const { graph, gates } = calibrated;
  const rules = { target, release, precision };
  const quantized = (checked: CheckResult) =>
    quantize(graph, calibrated.scales, {
      ranges: precision === 'float16' ? 'none' : known ? 'calibrated' : 'dummy',
      onDla: valuesOnDla(graph, checked),
      ...(own && { own }),
      propagate: options.propagateScales ?? stated !== undefined,
    });
  const inPrecision = check(graph, rules);
  const typed = original && precision === 'int8' && !isNvdla(target) ? typedHalves(original, release) : undefined;
  const asked = layerPrecisions(graph, options.layerPrecisions ?? new Map(), inPrecision, typed);
  const first = quantized(inPrecision);
  // The rules have their say on what runs in FP16, too.
  const unscaled = isNvdla(target) ? [] : [...(first.quantized.half?.keys() ?? [])];
  const halves = unscaled.map((node) => [node, 'float16'] as const);
  const precisions = new Map([...halves, ...asked]);
  const checked = precisions.size > 0 ? check(graph, { ...rules, precisions }) : inPrecision;
  const { quantized: result, changes, coverage } = precisions.size > 0 ? quantized(checked) : first;
  const compiled = compile(result, checked, { ...options, precisions: asked });
  const unmatched = scales ? unmatchedNames(scales.keys(), network, original) : [];
  return {
    ...compiled,
    options,
    checked,
    quantized: result,
    precisions: asked,
    rangeChanges: changes,
    coverage,
    unmatched,
    balancedGates: gates,
  };
}

/** The scales that are given, and those that the model states for other tensors; undefined where there are none. */
function knownScales(
  network: Graph,
  given: ReadonlyMap<string, number> | undefined,
  stated: ReadonlyMap<string, number> | undefined,
  release: Release,
): ReadonlyMap<string, number> | undefined {
  if (stated === undefined) return given;
  const all = new Map([...stated, ...(given ?? [])]);
  const marked = fusesUnscaled(release) ? markFusable(network, all) : all;
  return new Map([...marked, ...(given ?? [])]);
}

/** @throws compile/unsupported for a mode that the target does not have */
function requireModes({ target, precision, sparsity, layerPrecisions }: CompilationOptions): void {
  if (layerPrecisions && (isNvdla(target) || precision === 'float16')) {
    const what = isNvdla(target)
      ? `on ${target.name} a network has one precision`
      : 'precisions of layers go with INT8';
    fail('compile/unsupported', what, {}, { actual: precisionName(precision) });
  }
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

/**
 * The same network if every tensor had a scale, for what it would take: its values mean nothing. Undefined where it cannot be compiled.
 */
export function withAllScales({ quantized, options }: Compilation): Compilation | undefined {
  const { graph, scales } = quantized;
  try {
    return compileNetwork(graph, new Map([...dummyRanges(graph), ...scales]), options);
  } catch (error) {
    if (error instanceof DlakitError) return undefined;
    throw error;
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
