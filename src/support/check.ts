/**
 * The checker: every node of a network against the rules of a target and a software release, then the segments that
 * follow. It needs shapes and constants, no data and no weights' values beyond scalars (bounds, scales, axes).
 *
 * A node has one of three placements. `build-time` nodes vanish before anything runs: what only depends on constants,
 * what hands its input on unchanged, and what nobody reads. A node is refused by `no-rule` when NVIDIA's matrix does
 * not offer its operator in this release, or by every rule that finds something.
 */

import type { Graph, Node } from '../graph/graph.ts';
import { numbers } from '../graph/tensor.ts';
import { readsOf } from '../onnx/captures.ts';
import { atLeast } from '../targets/releases.ts';
import type { Release, Target } from '../targets/target.ts';
import { fixFor } from './advice.ts';
import { macs } from './macs.ts';
import { operator, reach, type Support } from './operators.ts';
import { partition } from './partition.ts';
import { applies, type CheckOptions, type Rule, type RuleContext, ruleContext, sentence } from './rule.ts';
import { nvdlaOperators } from './rules/nvdla/operators.ts';
import { rules, verdictRules } from './rules.ts';
import { effectNotes, limitNotes } from './segment-notes.ts';
import type { CheckedSegment, CheckResult, Placement, Refusal, Verdict } from './verdict.ts';

/** Checks a graph with resolved shapes. */
export function check(graph: Graph, options: CheckOptions): CheckResult {
  const { target, release, precision } = options;
  const context = ruleContext(graph, options);
  const vanishing = buildTimeNodes(graph, context);
  const judged = graph.nodes.map((node): Verdict => {
    const gone = vanishing.get(node.name);
    if (gone === undefined) return judge(node, context);
    return { node: node.name, op: node.op, placement: 'build-time', refusals: [], warnings: gone === '' ? [] : [gone] };
  });
  const before = target.generation === 'nvdla' ? withoutDetours(graph, judged, context) : judged;
  const { verdicts, segments, demoted } = limitLoadables(graph, before, options);
  const onDla = new Set(segments.filter(({ kind }) => kind === 'dla').flatMap(({ nodes }) => nodes));
  const counts = graph.nodes.map((node) => (vanishing.has(node.name) ? 0 : macs(node, graph)));
  const sum = (wanted: (node: Node) => boolean) =>
    graph.nodes.reduce((total, node, index) => total + (wanted(node) ? counts[index]! : 0), 0);
  return {
    network: graph.name,
    target: target.name,
    release: release.name,
    precision,
    elsewhere: elsewhere(target),
    verdicts,
    segments,
    macs: { total: sum(() => true), dla: sum((node) => onDla.has(node.name)) },
    notes: [
      ...(demoted > 0
        ? [`${demoted} DLA segments went back to the GPU: a core holds ${loadableLimit(target, release)} loadables`]
        : []),
      ...(target.generation === 'nvdla'
        ? []
        : [...limitNotes(graph, segments, precision), ...effectNotes(graph, segments, options)]),
    ],
  };
}

const elsewhere = ({ generation }: Target): CheckResult['elsewhere'] => (generation === 'nvdla' ? 'host' : 'GPU');

/**
 * How many loadables a DLA core holds at once: 16 since TensorRT 8.5, 4 in 8.x before, 8 in the logs of TensorRT 7. The
 * runtime of the open NVDLA knows no limit.
 */
export function loadableLimit(target: Target, release: Release): number {
  if (target.generation === 'nvdla') return Number.POSITIVE_INFINITY;
  if (atLeast(release.tensorrt, [8, 5, 0])) return 16;
  return atLeast(release.tensorrt, [8, 0, 0]) ? 4 : 8;
}

/** The verdict on one node that runs. */
function judge(node: Node, context: RuleContext): Verdict {
  const verdict = { node: node.name, op: node.op };
  const missing = noRule(node, context);
  if (missing) return { ...verdict, placement: 'gpu', refusals: [missing], warnings: [] };
  const refusals: Refusal[] = [];
  const warnings: string[] = [];
  for (const rule of rules) {
    const finding = applies(rule, node.op, context) ? rule.test(node, context) : undefined;
    if (!finding) continue;
    if (rule.severity === 'warn') {
      warnings.push(`${rule.id}: ${finding.message}. ${sentence(rule)}${finding.fix ? ` ${finding.fix.advice}` : ''}`);
      continue;
    }
    refusals.push({ ...published(rule), message: messageFor(node, rule.id, finding.message), ...onlyFix(finding) });
  }
  return refusals.length > 0
    ? { ...verdict, placement: 'gpu', refusals, warnings: [] }
    : { ...verdict, placement: 'dla', refusals, warnings };
}

const published = (rule: Rule) => ({ rule: rule.id, doc: sentence(rule), source: rule.source });
const onlyFix = ({ values, fix }: { values: Refusal['values']; fix?: Refusal['fix'] }) => ({
  values,
  ...(fix && { fix }),
});
const messageFor = (node: Node, rule: string, message: string): string => `${node.name}: ${message} [${rule}]`;

/** The refusal of an operator that the matrix does not offer in this release. */
function noRule(node: Node, context: RuleContext): Refusal | undefined {
  const foreign = node.domain !== '' && node.domain !== 'ai.onnx';
  if (context.target.generation === 'nvdla') return noUnit(node, foreign, context);
  const op = foreign ? `${node.domain}.${node.op}` : node.op;
  const through = foreign ? 'rfe' : reach(node.op, context.release);
  if (through === 'native') return undefined;
  const entry = foreign ? undefined : operator(node.op);
  const { id, doc, source } = verdictRules[0];
  const fix = foreign ? undefined : fixFor(node, context);
  const version = context.release.tensorrt.join('.');
  const values = {
    limit: `native in TensorRT ${version}`,
    value: entry ? describe(entry.tensorrt, 'TensorRT') : 'not listed',
    operator: op,
    ...(entry && { dlaSoftware: describe(entry.dla, 'DLA') }),
  };
  const software = entry ? `; in the DLA's own software: ${values.dlaSoftware}` : '';
  return {
    rule: id,
    doc,
    source,
    message: messageFor(node, id, `${op} through TensorRT ${version}: ${values.value}${software}`),
    values,
    ...(fix && { fix }),
  };
}

/** The refusal of an operator that no unit of the open NVDLA computes. */
function noUnit(node: Node, foreign: boolean, context: RuleContext): Refusal | undefined {
  if (!foreign && nvdlaOperators.has(node.op)) return undefined;
  const { id, doc, source } = verdictRules[2];
  const op = foreign ? `${node.domain}.${node.op}` : node.op;
  const fix = foreign ? undefined : fixFor(node, context);
  return {
    rule: id,
    doc,
    source,
    message: messageFor(node, id, `${op}: no unit of ${context.target.name} computes it`),
    values: { limit: 'an operator of its units', value: op, operator: op },
    ...(fix && { fix }),
  };
}

const describe = ({ how, since }: Support, what: string): string => {
  const word = {
    native: 'native',
    rfe: 'not offered',
    reconstruction: 'by reconstruction',
    'build-time': 'only folded',
  }[how];
  return since ? `${word} since ${what} ${since.join('.')}` : word;
};

/** Nodes that vanish when the engine is built, with a remark where there is something to say. */
function buildTimeNodes(graph: Graph, context: RuleContext): ReadonlyMap<string, string> {
  const gone = new Map<string, string>();
  const needed = new Set(graph.outputs);
  for (const node of graph.nodes.toReversed()) {
    if (node.outputs.some((name) => needed.has(name))) for (const name of readsOf(node)) needed.add(name);
    else gone.set(node.name, 'nothing reads its result');
  }
  const known = new Set(graph.constants.keys());
  for (const node of graph.nodes) {
    const reads = readsOf(node);
    const constantFed = reads.every((name) => known.has(name)) && !random.includes(node.op);
    const folds = node.domain === '' && reach(node.op, context.release) === 'build-time' && node.op !== 'Dropout';
    if (constantFed || folds) for (const output of node.outputs) known.add(output);
    if ((constantFed || folds || handsOn(node, context)) && !gone.has(node.name)) gone.set(node.name, '');
  }
  return gone;
}

const random = ['RandomNormal', 'RandomUniform', 'RandomNormalLike', 'RandomUniformLike', 'Bernoulli', 'Multinomial'];

/** Identity, Dropout at inference, and Cast to the type that the value has. */
function handsOn(node: Node, { graph, opset, constant }: RuleContext): boolean {
  if (node.domain !== '') return false;
  switch (node.op) {
    case 'Identity':
      return true;
    case 'Dropout': {
      const training = constant(node.inputs[2]);
      const trains = opset >= 12 && node.inputs[2] && !(training && numbers(training)[0] === 0);
      return !trains && !graph.outputs.includes(node.outputs[1] ?? '');
    }
    case 'Cast': {
      const [from, to] = [node.inputs[0], node.outputs[0]].map((name) => graph.values.get(name ?? '')?.dtype);
      return from !== undefined && from === to;
    }
    default:
      return false;
  }
}

/** Sends the segments of the open NVDLA back that only the host feeds and reads, and that convolve nothing. */
function withoutDetours(graph: Graph, before: readonly Verdict[], context: RuleContext): readonly Verdict[] {
  const placement = new Map(before.map((verdict): [string, Placement] => [verdict.node, verdict.placement]));
  const byName = new Map(graph.nodes.map((node) => [node.name, node]));
  const onHost = (name: string): boolean => placement.get(name) === 'gpu';
  const detours = partition(graph, placement, elsewhere(context.target)).filter(({ kind, nodes, macs: work }) => {
    if (kind !== 'dla' || work > 0) return false;
    const own = new Set(nodes);
    const members = nodes.map((name) => byName.get(name)!);
    const fed = members.flatMap(readsOf).filter((value) => {
      const maker = context.producer(value);
      return !context.constant(value) && !(maker && own.has(maker.name));
    });
    const given = members.flatMap(({ outputs }) => outputs).filter((value) => value !== '');
    return (
      fed.every((value) => onHost(context.producer(value)?.name ?? '')) &&
      given.every(
        (value) =>
          !graph.outputs.includes(value) && context.consumers(value).every(({ name }) => own.has(name) || onHost(name)),
      )
    );
  });
  const gone = new Map(detours.flatMap((segment) => segment.nodes.map((name) => [name, segment] as const)));
  const { id, doc, source } = verdictRules[3];
  return before.map((verdict): Verdict => {
    const from = gone.get(verdict.node);
    if (!from) return verdict;
    const message = `${from.name} would be a loadable between parts of the host, and convolves nothing`;
    const values = { limit: 'a convolution', value: 'none', segment: from.name };
    const refusal = { rule: id, doc, source, message: `${verdict.node}: ${message} [${id}]`, values };
    return { ...verdict, placement: 'gpu', warnings: [], refusals: [refusal] };
  });
}

/** Cuts the network; where that makes more loadables than a core holds, the lightest go back to the GPU. */
function limitLoadables(
  graph: Graph,
  before: readonly Verdict[],
  options: CheckOptions,
): { readonly verdicts: readonly Verdict[]; readonly segments: readonly CheckedSegment[]; readonly demoted: number } {
  const limit = loadableLimit(options.target, options.release);
  const placement = new Map(before.map((verdict): [string, Placement] => [verdict.node, verdict.placement]));
  const segments = partition(graph, placement, elsewhere(options.target));
  const loadables = segments.filter(({ kind }) => kind === 'dla');
  if (loadables.length <= limit) return { verdicts: before, segments, demoted: 0 };

  const surplusCount = loadables.length - limit;
  const weighed = loadables.map((segment, rank) => ({ segment, rank }));
  // The fewest multiply-accumulates first; of equals, the later.
  weighed.sort((a, b) => a.segment.macs - b.segment.macs || b.rank - a.rank);
  const surplus = new Map(
    weighed.slice(0, surplusCount).flatMap(({ segment }) => segment.nodes.map((name) => [name, segment] as const)),
  );
  const { id, doc, source } = verdictRules[1];
  const verdicts = before.map((verdict): Verdict => {
    const from = surplus.get(verdict.node);
    if (!from) return verdict;
    const message = `${from.name} is one of ${loadables.length} loadables, allowed ${limit}`;
    return {
      ...verdict,
      placement: 'gpu',
      warnings: [],
      refusals: [
        {
          rule: id,
          doc,
          source,
          message: `${verdict.node}: ${message} [${id}]`,
          values: { limit, value: loadables.length, segment: from.name, macs: from.macs },
          fix: { advice: 'Bring the nodes that split the network onto the DLA; the refusals above say how.' },
        },
      ],
    };
  });
  const rest = limitLoadables(graph, verdicts, options);
  return { ...rest, demoted: rest.demoted + surplusCount };
}
