/**
 * A compiled network as the file that NVDLA's stock runtime loads. It holds one task of the DLA, so the network has to be one
 * Program whole. The file is tagged (tag.ts) with the names and scales that the format has no place for. It is returned
 * only after it has passed every rule of the format (validate/loadable.ts).
 */

import { fail } from '../../../base/errors.ts';
import {
  type CompiledNetwork,
  type HostSegment,
  type Plan,
  type Program,
  submissionsOf,
} from '../../../program/program.ts';
import { findTarget } from '../../../targets/find.ts';
import { isNvdla, type NvdlaTarget } from '../../../targets/target.ts';
import type { InterfaceMinor } from '../format/descriptors.ts';
import { encodeStockLoadable, type StockLoadable } from '../format/stock-loadable.ts';
import type { LoadableTag, TaggedTensor } from '../format/tag.ts';
import { validateStockLoadable } from '../validate/loadable.ts';
import { lowerProgram } from './program.ts';

export interface EncodeNvdlaOptions {
  /** The version of the firmware's interface; 12 when not given. */
  readonly minor?: InterfaceMinor;
  /** Why a node of the user's model is on the host, for the refusal. */
  readonly reasonOf?: (node: string) => string | undefined;
}

/**
 * @throws loadable/host-segment for a network that is not one Program; device/unsupported for a target that is no open NVDLA;
 *   program/invalid, target/unknown
 */
export function encodeNvdla({ plan, blobs }: CompiledNetwork, options: EncodeNvdlaOptions = {}): Uint8Array {
  const target = findTarget(plan.target);
  if (!isNvdla(target)) {
    const detail = { expected: 'a configuration of the open NVDLA', actual: target.name };
    fail(
      'device/unsupported',
      `the stock format is the open NVDLA's; a network for ${target.name} goes into a .dla`,
      {},
      detail,
    );
  }
  const program = onlyProgram(plan, options);
  const { minor } = options;
  const loadable = lowerProgram(program, blobs, target, { ...(minor && { minor }), tag: tagFor(plan, program) });
  requireValid(loadable, target);
  return encodeStockLoadable(loadable);
}

/** A finding in a loadable of our own is a bug. */
function requireValid(loadable: StockLoadable, target: NvdlaTarget): void {
  const [problem] = validateStockLoadable(loadable, target);
  if (problem) throw new Error(`the compiled loadable breaks the rule ${problem.rule}: ${JSON.stringify(problem)}`);
}

const mostNamed = 8;

function onlyProgram(plan: Plan, { reasonOf }: EncodeNvdlaOptions): Program {
  const { segments } = plan;
  const [first, ...more] = segments;
  if (first?.kind === 'dla' && more.length === 0) return inOrder(first.program, plan);
  const hosts = segments.filter((segment) => segment.kind === 'host');
  const named = hosts.flatMap((segment) => reasons(segment, reasonOf));
  const rest = named.length - mostNamed;
  const list = [...named.slice(0, mostNamed), ...(rest > 0 ? [`${rest} more`] : [])].join('; ');
  const what =
    hosts.length > 0 ? `the host runs a part of the network: ${list}` : 'the network is several tasks of the DLA';
  return fail(
    'loadable/host-segment',
    `${what}. The stock format holds one task; a .dla holds the whole plan`,
    {},
    {
      expected: 'one DLA segment',
      actual: `${segments.length} segments: ${segments.map(({ kind }) => (kind === 'dla' ? 'DLA' : 'host')).join(', ')}`,
    },
  );
}

/** Inputs and outputs in the order of the network's: that of their bind ids. */
function inOrder(program: Program, plan: Plan): Program {
  const { surfaces, inputs, outputs } = program;
  const sorted = (ids: readonly number[], names: readonly string[]): readonly number[] =>
    [...ids].sort((a, b) => names.indexOf(surfaces[a]!.name) - names.indexOf(surfaces[b]!.name));
  return { ...program, inputs: sorted(inputs, plan.inputs), outputs: sorted(outputs, plan.outputs) };
}

function reasons({ nodes, reason }: HostSegment, reasonOf: EncodeNvdlaOptions['reasonOf']): readonly string[] {
  const general = reason === 'refused' ? 'a rule refuses it' : 'not emulated';
  return nodes.map((node) => `${node} (${reasonOf?.(node) ?? general})`);
}

function tagFor(plan: Plan, program: Program): LoadableTag {
  const { surfaces, inputs, outputs } = program;
  const submissions = submissionsOf(plan, program);
  const tagged = (id: number): TaggedTensor => {
    const { name, dtype, scale, shape } = surfaces[id]!;
    return {
      name,
      shape: shapeOfSubmission(plan, name, submissions) ?? shape,
      dtype: dtype as TaggedTensor['dtype'],
      ...(scale !== undefined && { scale }),
    };
  };
  return {
    target: plan.target,
    network: plan.network,
    inputs: inputs.map(tagged),
    outputs: outputs.map(tagged),
    ...(submissions > 1 && { submissions }),
    ...(plan.preprocess && { preprocess: plan.preprocess }),
  };
}

/** In ONNX's dimensions, of the one image that a submission computes. */
function shapeOfSubmission({ tensors }: Plan, name: string, submissions: number): readonly number[] | undefined {
  const shape = tensors.find((tensor) => tensor.name === name)?.shape;
  if (shape === undefined || submissions === 1) return shape;
  const [first = 0, ...others] = shape;
  return [first / submissions, ...others];
}
