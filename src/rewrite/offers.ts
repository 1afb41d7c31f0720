/**
 * Which rewrite passes do something about the refusals of a check: found by trying them. A pass is offered for a refusal when,
 * run alone over the refused nodes and those beside them, it leaves no node that stands for the refused one under that rule, brings no other rule
 * against it, and has no more nodes of the network refused than before. So an offer that is shown is one that holds.
 */

import { consumers, type Graph, producers } from '../graph/graph.ts';
import { judge } from '../support/check.ts';
import type { CheckOptions } from '../support/rule.ts';
import { networkRules } from '../support/rules.ts';
import type { CheckResult, Judgement, Refusal } from '../support/verdict.ts';
import { passes } from './passes.ts';
import { endOf } from './prepare.ts';
import { attempts } from './rewrite.ts';

/** The result with the offers that hold: `fix.rewrite` of each refusal that a pass does away with, the first in table order. */
export function withOffers(graph: Graph, result: CheckResult, options: CheckOptions): CheckResult {
  let open = new Map(result.verdicts.filter(({ refusals }) => refusals.length > 0).map((one) => [one.node, one]));
  const offers = new Map<Refusal, string>();
  const before = refusedNodes(graph, result);
  // A node that comes out of several is traced to each by its name in this graph.
  let start: Graph = { ...graph, nodes: graph.nodes.map((node) => ({ ...node, origin: [node.name] })) };
  const near = neighbourhood(start, new Set(open.keys()));
  let attempt = attempts(start, near);
  for (const pass of passes) {
    if (open.size === 0) break;
    const after = 'rewrite' in pass ? pass.rewrite(start)?.graph : attempt(pass);
    if (after === undefined) continue;
    // Every other pass would begin with it.
    if ('rewrite' in pass) {
      start = after;
      attempt = attempts(start, near);
    }
    const then = judge(after, options);
    if (refusedNodes(after, then) > before) continue;
    const left = rulesAgainst(after, then);
    for (const { node, refusals } of open.values()) {
      const rules = left.get(node) ?? new Set();
      const known = new Set(refusals.map(({ rule }) => rule));
      if ([...rules].some((rule) => !known.has(rule))) continue;
      for (const refusal of refusals) {
        if (!offers.has(refusal) && !rules.has(refusal.rule) && isOfNode(refusal.rule)) offers.set(refusal, pass.name);
      }
    }
    open = new Map([...open].filter(([, { refusals }]) => refusals.some((one) => !offers.has(one))));
  }
  if (offers.size === 0) return result;
  const offered = (refusal: Refusal): Refusal => {
    const pass = passes.find(({ name }) => name === offers.get(refusal));
    return pass ? { ...refusal, fix: { rewrite: pass.name, advice: refusal.fix?.advice ?? pass.doc } } : refusal;
  };
  return {
    ...result,
    verdicts: result.verdicts.map((verdict) => ({ ...verdict, refusals: verdict.refusals.map(offered) })),
  };
}

/** Nodes, and those that they read from or hand on to, by name. */
function neighbourhood(graph: Graph, names: ReadonlySet<string>): ReadonlySet<string> {
  const [made, readBy] = [producers(graph), consumers(graph)];
  const near = new Set(names);
  for (const node of graph.nodes) {
    if (!names.has(node.name)) continue;
    for (const input of node.inputs) if (made.has(input)) near.add(made.get(input)!.name);
    for (const output of node.outputs) for (const { name } of readBy.get(output) ?? []) near.add(name);
  }
  return near;
}

/** How many nodes rules refuse by themselves; consequences for other nodes do not count. */
function refusedNodes(graph: Graph, { verdicts }: Judgement): number {
  const ends = endOf(graph);
  const isRefused = (index: number) => verdicts[index]!.refusals.some(({ rule }) => isOfNode(rule));
  return graph.nodes.filter((node, index) => isRefused(index) && !ends(node)).length;
}

/** The rules that refuse what a node of the original has become, by its name. */
function rulesAgainst(graph: Graph, { verdicts }: Judgement): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  graph.nodes.forEach(({ origin }, index) => {
    const rules = verdicts[index]!.refusals.map(({ rule }) => rule).filter(isOfNode);
    for (const name of origin) found.set(name, new Set([...(found.get(name) ?? []), ...rules]));
  });
  return found;
}

/** Whether a rule is about a node, not about what the other verdicts lead to. */
const isOfNode = (rule: string): boolean => !consequences.has(rule);
const consequences = new Set(networkRules.map(({ id }) => id).filter((id) => id !== 'no-rule' && id !== 'nvdla/unit'));
