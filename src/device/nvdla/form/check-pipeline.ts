/**
 * Checks a pipeline before it is launched, so that a launch that fails has written nothing: the stages agree on the cubes
 * that they hand on, every cube that is read or written lies in memory that the task may touch, and the launch is no more
 * work than the driver's watchdog waits for. Rows and surfaces of a cube do not overlap, so memory bounds what a launch
 * moves; the watchdog bounds what it multiplies.
 *
 * Everything but where memory lies follows from the pipeline alone and is checked once for each.
 */

import { fail } from '../../../base/errors.ts';
import { type Conv, isNvdlaSdp, type Pdp, type Pipeline, type Sdp } from '../../../program/layer.ts';
import type { Shape4 } from '../../../program/surface.ts';
import type { Bus } from '../../bus.ts';
import { featureExtent } from '../../engines/reference/feature.ts';
import { convolutionMacs } from '../../engines/reference/nvdla/convolution.ts';
import type { Cube, Launch } from '../../launch.ts';
import { rubikSpans } from '../rubik.ts';
import { transferSpans } from '../transfer.ts';

/** Bytes from the first to the last that may be touched. */
export interface Span {
  readonly address: bigint;
  readonly size: number;
}

interface Checked {
  readonly spans: readonly Span[];
  /** Steps: multiply-accumulates, elements and bytes. */
  readonly work: number;
}

/**
 * Steps of a launch that the watchdog waits for unless it is told otherwise. The largest convolution that fits the
 * convolution buffer of nv_full, 7×7 over half a mebibyte for 2,048 kernels, has a fifth of it.
 */
export const watchdogSteps = 2 ** 38;

/** Most elements that one stage may hand to the next, where no memory bounds them. */
const mostElements = 2 ** 26;

const known = new WeakMap<Launch, Checked>();

/** @throws device/fault, device/unsupported, device/timeout */
export function checkPipeline(pipeline: Launch, bus: Bus, watchdog: number): void {
  let checked = known.get(pipeline);
  if (!checked) {
    checked = check(pipeline);
    known.set(pipeline, checked);
  }
  const { spans, work } = checked;
  if (work > watchdog) {
    const detail = { expected: `at most ${watchdog} steps`, actual: work };
    fail('device/timeout', 'a launch is more work than the watchdog waits for', {}, detail);
  }
  for (const { address, size } of spans) bus.window(address, size);
}

function check(pipeline: Launch): Checked {
  switch (pipeline.kind) {
    case 'transfer': {
      const spans = pipeline.transfers.flatMap(transferSpans);
      return { spans, work: spans.reduce((sum, { size }) => sum + size, 0) };
    }
    case 'rubik': {
      const spans = rubikSpans(pipeline.rubik);
      return { spans, work: spans.reduce((sum, { size }) => sum + size, 0) };
    }
    default:
      return checkStages(pipeline);
  }
}

/** A stage with the shape that its own registers give the cube it receives. */
type Expecting<T> = T & { readonly inputShape?: Shape4 };

function checkStages(pipeline: Pipeline<Cube>): Checked {
  const spans: Span[] = [];
  const cube = (of: Cube | undefined, what: string): void => {
    if (of) spans.push({ address: of.address, size: featureExtent(of, what) });
  };
  let work = 0;
  const sdp: Expecting<Sdp<Cube>> | undefined = 'sdp' in pipeline ? pipeline.sdp : undefined;
  const pdp: Expecting<Pdp<Cube>> | undefined = 'pdp' in pipeline ? pipeline.pdp : undefined;
  if (pipeline.kind === 'conv') {
    const { conv } = pipeline;
    if (!conv.core?.reuse.data) cube(conv.input, 'the convolution input');
    if (!conv.core?.reuse.weights) spans.push(conv.weights);
    const result = resultOf(conv);
    agree('SDP', result, sdp?.inputShape);
    work += convolutionMacs(conv) + elements(result);
  }
  if (sdp) {
    cube(sdp.input, 'the SDP input');
    cube(sdp.output, 'the SDP output');
    if (isNvdlaSdp(sdp)) {
      for (const unit of [sdp.x1, sdp.x2, sdp.y]) if (unit?.operand) spans.push(unit.operand);
    }
    if (pdp) agree('PDP', sdp.inputShape, pdp.inputShape);
    work += sdp.inputShape ? elements(sdp.inputShape) : 0;
  }
  if (pdp) {
    cube(pdp.input, 'the pooling input');
    cube(pdp.output, 'the pooling output');
    work += elements(pdp.output.shape) * pdp.kernel.h * pdp.kernel.w;
  }
  if (pipeline.kind === 'cdp') {
    const { input, output, localSize } = pipeline.cdp;
    cube(input, 'the CDP input');
    cube(output, 'the CDP output');
    work += elements(input.shape) * localSize;
  }
  return { spans, work };
}

const resultOf = ({ core, output: { channels, height, width } }: Conv<Cube>): Shape4 => [
  1,
  core?.accumulatorChannels ?? channels,
  height,
  width,
];

const elements = (shape: Shape4): number => shape.reduce((product, dim) => product * dim, 1);

function agree(stage: string, given: Shape4 | undefined, wanted: Shape4 | undefined): void {
  if (!given || !wanted) return;
  const isSame = given.every((dim, axis) => dim === wanted[axis]);
  if (isSame && elements(given) <= mostElements) return;
  fail(
    'device/fault',
    isSame ? `the cube that is handed to ${stage} is too large` : `${stage} gets another cube than its registers say`,
    {},
    { expected: wanted.join('x'), actual: given.join('x') },
  );
}
