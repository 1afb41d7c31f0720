/** A lifted network in other forms: the Plan of one that runs on the hardware alone, and text. */

import { fail } from '../../../base/errors.ts';
import { printStatement } from '../../../program/notation.ts';
import { printProgram } from '../../../program/print.ts';
import type { CompiledNetwork, Plan, PlanTensor, Program, Segment } from '../../../program/program.ts';
import { validatePlan } from '../../../program/validate-plan.ts';
import type { NvdlaTarget } from '../../../targets/target.ts';
import type { TaggedTensor } from '../format/tag.ts';
import type { LiftedNetwork } from './loadable.ts';
import type { NetworkTensor } from './task-network.ts';

/**
 * What the application sees of tensors is what the tag of a loadable of ours says: real numbers. Those of others are as the
 * hardware has them.
 *
 * @throws loadable/unliftable when there is more than one task, or a tensor that no Plan has
 */
export function liftedPlan({ blobs, tag, ...network }: LiftedNetwork, target: NvdlaTarget): CompiledNetwork {
  const [task] = network.tasks;
  if (task?.kind !== 'dla' || network.tasks.length > 1) {
    const actual = network.tasks.map(({ kind }) => kind).join(', ');
    return fail(
      'loadable/unliftable',
      'a Plan has no tasks for the emulator',
      {},
      { expected: 'one task: dla', actual },
    );
  }
  const tensors = (own: readonly NetworkTensor[], tagged: readonly TaggedTensor[] | undefined): readonly PlanTensor[] =>
    own.map(({ surface: { name, shape, dtype, scale } }, index): PlanTensor => {
      if (dtype !== 'int8' && dtype !== 'float16') {
        return fail('loadable/unliftable', `a Plan has no tensors of ${dtype}`, { value: name });
      }
      const said = tagged?.[index];
      if (!said) return { name, shape, dtype };
      return { name, shape: said.shape, dtype: 'float32', ...(scale !== undefined && { scale }) };
    });
  const [inputs, outputs] = [tensors(network.inputs, tag?.inputs), tensors(network.outputs, tag?.outputs)];
  const names = (list: readonly PlanTensor[]): readonly string[] => list.map(({ name }) => name);
  const { layers } = task.program;
  const plan: Plan = {
    network: tag?.network ?? 'network',
    target: target.name,
    release: target.releases[0]!.name,
    batch: 1,
    ranges: rangesOf(task.program),
    ...(tag?.preprocess && { preprocess: tag.preprocess }),
    tensors: [...inputs, ...outputs],
    inputs: names(inputs),
    outputs: names(outputs),
    segments: [
      { kind: 'dla', name: `{${layers[0]?.name ?? ''}...${layers.at(-1)?.name ?? ''}}`, program: task.program },
    ],
  };
  validatePlan(plan, blobs, target);
  return { plan, blobs };
}

const rangesOf = ({ surfaces }: Program): Plan['ranges'] =>
  surfaces.some(({ dtype }) => dtype === 'float16') ? 'none' : 'calibrated';

/**
 * Of all its tasks, to be priced and not to be run: those of the emulator are host segments without a model, and no tensor crosses
 * between segments.
 */
export function pricedPlan({ tasks, tag }: LiftedNetwork, target: NvdlaTarget): Plan {
  const programs = tasks.flatMap((task) => (task.kind === 'dla' ? [task.program] : []));
  const segments = tasks.map((task, index): Segment => {
    const name = `task ${index}`;
    if (task.kind === 'dla') return { kind: 'dla', name, program: task.program };
    const nodes = task.operations.map(({ kind }) => kind);
    return { kind: 'host', name, nodes, reason: 'not emulated', inputs: [], outputs: [], model: '' };
  });
  return {
    network: tag?.network ?? 'network',
    target: target.name,
    release: target.releases[0]!.name,
    batch: 1,
    ranges: programs.map(rangesOf).includes('calibrated') ? 'calibrated' : 'none',
    tensors: [],
    inputs: [],
    outputs: [],
    segments,
  };
}

/** Every task: Programs as they print, and the operations of the emulator. */
export function printLifted({ tasks }: LiftedNetwork): string {
  return tasks
    .map((task) =>
      task.kind === 'dla'
        ? printProgram(task.program)
        : `${task.operations.map(({ kind, ...operation }) => printStatement(kind, operation)).join('\n')}\n`,
    )
    .join('\n');
}
