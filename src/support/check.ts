/**
 * The checker: every node of a network against the rules of a target and a software release, then the segments that
 * follow. It needs shapes and constants, no data and no weights' values beyond scalars (bounds, scales, axes).
 *
 * A node has one of three placements. `build-time` nodes vanish before anything runs: what only depends on constants,
 * what hands its input on unchanged (but not from an input of the network to an output), and what nobody reads. A node is refused by `no-rule` when NVIDIA's matrix does
 * not offer its operator in this release, or by every rule that finds something.
 */

import { type Precision, precisionName } from '../base/data-type.ts';
import { type Graph, type Node, readsOf } from '../graph/graph.ts';
import { numbers } from '../graph/tensor.ts';
import { fixFor } from './advice.ts';
import {
  elsewhere,
  limitLoadables,
  loadableLimit,
  pairComparisons,
  published,
  withoutDetours,
} from './consequences.ts';
import { macs } from './macs.ts';
import { operator, reach, type Support } from './operators.ts';
import { type CheckOptions, type Limit, limitFor, type Rule, type RuleContext, ruleContext, sentence } from './rule.ts';
import { nvdlaOperators } from './rules/nvdla/operators.ts';
import { isQuantized, quantizationRules } from './rules/quantization.ts';
import { noRule, noUnit, rules } from './rules.ts';
import { bindingNotes, borderNotes } from './segment-notes.ts';
import type { CheckResult, Judgement, Refusal, Verdict } from './verdict.ts';

/** Checks a graph with resolved shapes. */
export function check(graph: Graph, options: CheckOptions): CheckResult {
  const { target, release } = options;
  const { judgement, demoted } = judged(graph, options);
  return {
    ...judgement,
    notes: [
      ...(demoted > 0
        ? [`${demoted} DLA segments went back to the GPU: a core holds ${loadableLimit(target, release)} loadables`]
        : []),
      ...(target.generation === 'nvdla'
        ? []
        : [...bindingNotes(graph, judgement.segments, options), ...borderNotes(graph, judgement.segments, options)]),
    ],
  };
}

/** What a check says of nodes and segments, without the notes on the whole. */
export const judge = (graph: Graph, options: CheckOptions): Judgement => judged(graph, options).judgement;

interface Judged {
  readonly options: CheckOptions;
  readonly judgement: Judgement;
  /** DLA segments that gave way because a core holds no more. */
  readonly demoted: number;
}

/** Graphs never change: preparing, compiling and reporting ask for the verdicts on the same one. */
const known = new WeakMap<Graph, readonly Judged[]>();

function judged(graph: Graph, options: CheckOptions): Judged {
  const before = known.get(graph) ?? [];
  const isSame = (one: Judged) =>
    (['target', 'release', 'precision', 'precisions'] as const).every(
      (option) => one.options[option] === options[option],
    );
  const found = before.find(isSame) ?? judgeGraph(graph, options);
  if (!before.includes(found)) known.set(graph, [...before, found]);
  return found;
}

function judgeGraph(graph: Graph, options: CheckOptions): Judged {
  const { target, release, precision } = options;
  const context = ruleContext(graph, options);
  const vanishing = buildTimeNodes(graph, context);
  const inPrecision = (own: Precision) => ({
    rulesFor: rulesByOperator({ ...options, precision: own }),
    context: { ...context, precision: own },
  });
  const [usual, half] = [inPrecision(precision), inPrecision('float16')];
  const single = graph.nodes.map((node): Verdict => {
    const gone = vanishing.get(node.name);
    if (gone === undefined) {
      const own = options.precisions?.get(node.name) ?? precision;
      const view = own === precision ? usual : own === 'float16' ? half : inPrecision(own);
      return judgeNode(node, view.rulesFor(node.op), view.context);
    }
    return { node: node.name, op: node.op, placement: 'build-time', refusals: [], warnings: gone === '' ? [] : [gone] };
  });
  const before =
    target.generation === 'nvdla' ? withoutDetours(graph, single, context) : pairComparisons(graph, single, context);
  const { verdicts, segments, demoted } = limitLoadables(graph, before, options);
  const onDla = new Set(segments.filter(({ kind }) => kind === 'dla').flatMap(({ nodes }) => nodes));
  const counts = graph.nodes.map((node) => (vanishing.has(node.name) ? 0 : macs(node, graph)));
  const sum = (wanted: (node: Node) => boolean) =>
    graph.nodes.reduce((total, node, index) => total + (wanted(node) ? counts[index]! : 0), 0);
  const judgement: Judgement = {
    network: graph.name,
    target: target.name,
    release: release.name,
    precision: precisionName(precision),
    elsewhere: elsewhere(target),
    verdicts,
    segments,
    macs: { total: sum(() => true), dla: sum((node) => onDla.has(node.name)) },
  };
  return { options, judgement, demoted };
}

interface RuleInForce {
  readonly rule: Rule;
  readonly limit: Limit;
}

/** The rules that hold for an operator, with their limits, in rule order. */
function rulesByOperator(options: CheckOptions): (op: string) => readonly RuleInForce[] {
  const byOperator = new Map<string, readonly RuleInForce[]>();
  return (op) => {
    const found =
      byOperator.get(op) ??
      rules.flatMap((rule) => {
        const limit = limitFor(rule, op, options);
        return limit ? [{ rule, limit }] : [];
      });
    byOperator.set(op, found);
    return found;
  };
}

/** The verdict on one node that runs. */
function judgeNode(node: Node, inForce: readonly RuleInForce[], context: RuleContext): Verdict {
  const verdict = { node: node.name, op: node.op };
  const away = elsewhere(context.target);
  const quantized = isQuantized(node);
  const unknown = quantized ? undefined : unknownOperator(node, context);
  if (unknown) return { ...verdict, placement: away, refusals: [unknown], warnings: [] };
  const refusals: Refusal[] = [];
  const warnings: string[] = [];
  for (const { rule, limit } of inForce) {
    // The types of its tensors are what the rules of quantization are about.
    if (quantized && !quantizationRules.includes(rule)) continue;
    const finding = rule.test(node, context, limit.value);
    if (!finding) continue;
    const { message, values, fix } = finding;
    const doc = sentence(rule, limit);
    if ((limit.severity ?? rule.severity) === 'warn') {
      warnings.push(`${rule.id}: ${message}. ${doc}${fix ? ` ${fix.advice}` : ''}`);
      continue;
    }
    const text = messageFor(node, rule.id, message);
    refusals.push({ rule: rule.id, doc, source: limit.source, message: text, values, ...(fix && { fix }) });
  }
  return refusals.length > 0
    ? { ...verdict, placement: away, refusals, warnings: [] }
    : { ...verdict, placement: 'dla', refusals, warnings };
}

const messageFor = (node: Node, rule: string, message: string): string => `${node.name}: ${message} [${rule}]`;

/** The refusal of an operator that the matrix does not offer in this release, or that no unit of the open NVDLA computes. */
function unknownOperator(node: Node, context: RuleContext): Refusal | undefined {
  const { target, release } = context;
  const foreign = node.domain !== '' && node.domain !== 'ai.onnx';
  const operatorName = foreign ? `${node.domain}.${node.op}` : node.op;
  const fix = foreign ? undefined : fixFor(node, context);
  if (target.generation === 'nvdla') {
    if (!foreign && nvdlaOperators.has(node.op)) return undefined;
    const { limit, ...rule } = published(noUnit, release);
    const message = messageFor(node, rule.rule, `${operatorName}: no unit of ${target.name} computes it`);
    return { ...rule, message, values: { limit, value: operatorName, operator: operatorName }, ...(fix && { fix }) };
  }
  if (!foreign && reach(node.op, release) === 'native') return undefined;
  const { limit: _, ...rule } = published(noRule, release);
  const entry = foreign ? undefined : operator(node.op);
  const version = release.tensorrt.join('.');
  const values = {
    limit: `native in TensorRT ${version}`,
    value: entry ? describe(entry.tensorrt, 'TensorRT') : 'not listed',
    operator: operatorName,
    ...(entry && { dlaSoftware: describe(entry.dla, 'DLA') }),
  };
  const software = entry ? `; in the DLA's own software: ${values.dlaSoftware}` : '';
  const told = `${operatorName} through TensorRT ${version}: ${values.value}${software}`;
  return { ...rule, message: messageFor(node, rule.rule, told), values, ...(fix && { fix }) };
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
  const inputs = new Set(graph.inputs); // under whatever name
  for (const node of graph.nodes) {
    const reads = readsOf(node);
    const constantFed = reads.every((name) => known.has(name)) && !random.includes(node.op);
    const folds = node.domain === '' && reach(node.op, context.release) === 'build-time' && node.op !== 'Dropout';
    if (constantFed || folds) for (const output of node.outputs) known.add(output);
    const [input = '', output = ''] = [node.inputs[0], node.outputs[0]];
    const hands = handsOn(node, context);
    if (hands && inputs.has(input)) inputs.add(output);
    // An input that is handed to an output is copied when the engine runs.
    const copies = inputs.has(output) && graph.outputs.includes(output);
    if ((constantFed || folds || (hands && !copies)) && !gone.has(node.name)) gone.set(node.name, '');
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
