/**
 * The rules that every Plan keeps: tensors are named once, every segment reads what the caller or an earlier segment made,
 * and the surfaces that a DLA segment is bound to fit the tensors of the same names. Its Programs keep theirs (validate.ts).
 */

import { fail, locate } from '../base/errors.ts';
import { elementCount } from '../graph/tensor.ts';
import { isNvdla, type Target } from '../targets/target.ts';
import { type BlobTable, type DlaSegment, type Plan, type PlanTensor, submissionsOf } from './program.ts';
import { programLimits, validateProgram } from './validate.ts';

const most = { tensors: 65_536, segments: 4096, elements: 2 ** 40 } as const;

/** @throws program/invalid, naming the tensor, the layer or the value */
export function validatePlan(plan: Plan, blobs?: BlobTable, target?: Target): void {
  if (!(Number.isInteger(plan.batch) && plan.batch >= 1)) {
    fail('program/invalid', 'the batch is no positive integer', {}, { actual: plan.batch });
  }
  for (const what of ['tensors', 'segments'] as const) {
    if (plan[what].length > most[what]) {
      fail('program/invalid', `too many ${what}`, {}, { expected: `at most ${most[what]}`, actual: plan[what].length });
    }
  }
  const tensors = tensorsByName(plan);
  const known = (name: string): PlanTensor =>
    tensors.get(name) ?? fail('program/invalid', 'a tensor is not listed', { value: name.slice(0, 200) });
  const made = new Set<string>();
  const make = (name: string) => {
    known(name);
    if (made.has(name)) fail('program/invalid', 'a tensor is made twice', { value: name });
    made.add(name);
  };
  const need = (name: string, by: string) => {
    known(name);
    if (!made.has(name)) fail('program/invalid', `${by} needs a tensor that nothing before it makes`, { value: name });
  };

  plan.inputs.forEach(make);
  for (const segment of plan.segments) {
    const { inputs, outputs } = segment.kind === 'dla' ? boundNames(segment, known, plan, blobs, target) : segment;
    for (const name of inputs) need(name, segment.name);
    outputs.forEach(make);
    if (segment.kind === 'host' && blobs !== undefined && !blobs.has(segment.model)) {
      fail(
        'program/invalid',
        'the model of a host segment is missing',
        { value: segment.name },
        { expected: segment.model },
      );
    }
  }
  for (const name of plan.outputs) need(name, 'the network');
}

function tensorsByName({ tensors }: Plan): ReadonlyMap<string, PlanTensor> {
  const byName = new Map<string, PlanTensor>();
  for (const tensor of tensors) {
    const place = { value: tensor.name.slice(0, 200) };
    if (tensor.name === '' || tensor.name.length > programLimits.nameLength) {
      const expected = `1 to ${programLimits.nameLength} characters`;
      fail('program/invalid', "a tensor's name is empty or too long", place, { expected, actual: tensor.name.length });
    }
    if (byName.has(tensor.name)) fail('program/invalid', 'two tensors have the same name', place);
    byName.set(tensor.name, tensor);
    const elements = elementCount(tensor.shape);
    if (!(tensor.shape.every((dim) => Number.isInteger(dim) && dim >= 0) && elements <= most.elements)) {
      fail('program/invalid', 'a shape is too large or not of integers', place, { actual: tensor.shape.join('×') });
    }
    if (tensor.scale !== undefined && !(Number.isFinite(tensor.scale) && tensor.scale > 0)) {
      fail('program/invalid', 'a scale is not positive and finite', place, { actual: tensor.scale });
    }
  }
  return byName;
}

/** Checks a DLA segment's Program and its bindings; gives the names of what goes in and out. */
function boundNames(
  { program, name }: DlaSegment,
  known: (name: string) => PlanTensor,
  plan: Plan,
  blobs: BlobTable | undefined,
  target: Target | undefined,
): { readonly inputs: readonly string[]; readonly outputs: readonly string[] } {
  locate({ node: name }, () => validateProgram(program, blobs, target));
  if (program.target !== plan.target) {
    fail('program/invalid', 'a segment is for another target', {}, { expected: plan.target, actual: program.target });
  }
  const submissions = submissionsOf(plan, program);
  const bound = (id: number): string => {
    const surface = program.surfaces[id]!;
    const place = { value: surface.name };
    const tensor = known(surface.name);
    const held = elementCount(tensor.shape) / elementCount(surface.shape);
    // Of a segment that is submitted image by image every tensor has as many.
    const images = surface.shape[0] === 1 && (tensor.shape[0] ?? 1) % held === 0;
    if (held !== submissions || (held !== 1 && !images) || (held !== 1 && target !== undefined && !isNvdla(target))) {
      fail('program/invalid', 'a surface does not have the elements of its tensor', place, {
        expected: tensor.shape.join('×'),
        actual: surface.shape.join('×'),
      });
    }
    if (surface.scale !== tensor.scale) {
      fail('program/invalid', 'a surface has another scale than its tensor', place, {
        expected: `${tensor.scale}`,
        actual: `${surface.scale}`,
      });
    }
    return surface.name;
  };
  return { inputs: program.inputs.map(bound), outputs: program.outputs.map(bound) };
}
