/**
 * ConvTranspose. Every input cell spreads over one kernel; the results, laid `stride` apart, make an output of
 * (in − 1)·stride + extent cells, of which padding crops the border and to which output padding adds cells at the end. The
 * node states the padding, or the output's size, or asks for SAME: onnxruntime's reading decides where the specification
 * is silent. SAME does not stretch: where the kernel is smaller than the stride, the output is smaller than in·stride.
 */

import type { Dim, Node } from '../graph.ts';
import { ints, type Lookup, malformed, mismatch } from './read.ts';
import { allNumbers, extentOf, splitPadding, type WindowForm, windowForm } from './window.ts';

export interface DeconvolutionForm extends WindowForm {
  /** One for each spatial axis. */
  readonly outputPadding: readonly number[];
  /** Spatial sizes, where the node states them. */
  readonly outputShape: readonly number[] | undefined;
}

/** A deconvolution of which everything is a number. Lists have one element for each spatial axis. */
export interface Deconvolution {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** What is cropped: begin of every axis, then end of every axis. */
  readonly pads: readonly number[];
  /** Cells at the end of the output, beyond what the kernels reach before they are cropped: bias alone. */
  readonly outputPadding: readonly number[];
  /** What the kernels reach: (in − 1)·stride + extent. */
  readonly reach: readonly number[];
  /** reach + outputPadding − pads. */
  readonly output: readonly number[];
}

/** The attributes; undefined while the shape of the weights is not known. @throws onnx/graph, shape/mismatch */
export function deconvolutionForm(node: Node, lookup: Lookup): DeconvolutionForm | undefined {
  const form = windowForm(node, lookup);
  if (form === undefined) return undefined;
  const rank = form.kernel.length;
  const outputPadding = ints(node, 'output_padding') ?? Array<number>(rank).fill(0);
  if (outputPadding.length !== rank || outputPadding.some((size) => size < 0 || size >= 2 ** 31)) {
    return malformed(node, 'output_padding is malformed', outputPadding.join(', '));
  }
  // Some exporters list every axis, others the spatial ones only; an empty list is none.
  const given = ints(node, 'output_shape') ?? [];
  if (given.length !== 0 && given.length !== rank && given.length !== rank + 2) {
    return malformed(node, 'output_shape does not fit the input', given.join('x'));
  }
  const outputShape = given.length === 0 ? undefined : given.slice(-rank);
  if (outputShape?.some((size) => size < 1 || size >= 2 ** 31)) {
    return malformed(node, 'output_shape is malformed', given.join('x'));
  }
  const sizes = lookup.shape(node.inputs[0] ?? '')?.slice(2) ?? [];
  for (const [axis, wanted] of (outputShape ?? []).entries()) {
    const [size, kernel] = [sizes[axis], form.kernel[axis]];
    if (typeof size !== 'number' || typeof kernel !== 'number') continue;
    // The size that another input would give is no size of this one.
    const most = reachOf(form, axis, size, kernel) + outputPadding[axis]! + form.strides[axis]! - 1;
    if (wanted > most)
      return mismatch(node, 'output_shape is beyond the reach of the kernels', `at most ${most}`, wanted);
  }
  return { ...form, outputPadding, outputShape };
}

const reachOf = (form: WindowForm, axis: number, size: number, kernel: number): number =>
  (size - 1) * form.strides[axis]! + extentOf(kernel, form.dilations[axis]!);

interface Along {
  readonly begin: number;
  readonly end: number;
  readonly extra: number;
  readonly reach: number;
}

/** Padding and size along one axis. */
function along(form: DeconvolutionForm, axis: number, size: number, kernel: number): Along {
  const rank = form.kernel.length;
  const stride = form.strides[axis]!;
  const reach = reachOf(form, axis, size, kernel);
  const extra = form.outputPadding[axis]!;
  const wanted = form.outputShape?.[axis];
  const same = form.autoPad === 'SAME_UPPER' || form.autoPad === 'SAME_LOWER';
  if (wanted === undefined && !same) return { begin: form.pads[axis]!, end: form.pads[axis + rank]!, extra, reach };
  const total = Math.max(0, reach + extra - (wanted ?? size * stride));
  const [begin, end] = splitPadding([total], form.autoPad) as readonly [number, number];
  // A stated size beyond the reach adds cells, as output padding does.
  return { begin, end, extra: wanted === undefined ? extra : wanted - reach + total, reach };
}

/** The length of the output along an axis, below 1 where nothing remains; undefined where it is not known. */
export function deconvolvedLength(form: DeconvolutionForm, axis: number, dim: Dim): number | undefined {
  const kernel = form.kernel[axis]!;
  if (form.outputShape !== undefined) return form.outputShape[axis];
  if (typeof dim === 'string' || typeof kernel === 'string') return undefined;
  const { begin, end, extra, reach } = along(form, axis, dim, kernel);
  return reach + extra - begin - end;
}

/** The deconvolution as numbers; undefined where they are not known yet. @throws onnx/graph */
export function deconvolutionOf(node: Node, lookup: Lookup): Deconvolution | undefined {
  const form = deconvolutionForm(node, lookup);
  const sizes: readonly Dim[] | undefined = lookup.shape(node.inputs[0] ?? '')?.slice(2);
  if (form === undefined || sizes === undefined || !allNumbers(form.kernel) || !allNumbers(sizes)) return undefined;
  const { strides, dilations } = form;
  const kernel: readonly number[] = form.kernel;
  const axes = sizes.map((size, axis) => along(form, axis, size, kernel[axis]!));
  return {
    kernel,
    strides,
    dilations,
    pads: [...axes.map(({ begin }) => begin), ...axes.map(({ end }) => end)],
    outputPadding: axes.map(({ extra }) => extra),
    reach: axes.map(({ reach }) => reach),
    output: axes.map(({ begin, end, extra, reach }) => reach + extra - begin - end),
  };
}
