/**
 * What is checked before a pipeline is launched: that the stages agree on the cubes that they hand on, that whatever is
 * read and written lies in memory, and that nothing between is larger than any hardware would make it.
 */

import { fail } from '../../graph/errors.ts';
import type { Pdp, Sdp } from '../../program/layer.ts';
import type { Shape4 } from '../../program/surface.ts';
import type { Bus } from '../bus.ts';
import type { Cube } from '../cube.ts';
import type { Launch } from '../launch.ts';

/** Most elements that one stage may hand to the next. */
const mostElements = 2 ** 28;

/** What a stage's registers say of the cube that it gets. */
type Expecting<T> = T & { readonly inputShape?: Shape4 };

/** @throws device/fault */
export function checkPipeline(pipeline: Launch, bus: Bus): void {
  const sdp: Expecting<Sdp<Cube>> | undefined = 'sdp' in pipeline ? pipeline.sdp : undefined;
  const pdp: Expecting<Pdp<Cube>> | undefined = 'pdp' in pipeline ? pipeline.pdp : undefined;
  if (pipeline.kind === 'conv') {
    const { conv } = pipeline;
    const { channels, height, width } = conv.output;
    inMemory(conv.input, bus);
    agree('SDP', [1, conv.core?.accumulatorChannels ?? channels, height, width], sdp?.inputShape);
  }
  if (sdp) {
    inMemory(sdp.input, bus);
    inMemory(sdp.output, bus);
    if (pdp) agree('PDP', sdp.inputShape, pdp.inputShape);
  }
  if (pdp) {
    inMemory(pdp.input, bus);
    inMemory(pdp.output, bus);
  }
  if (pipeline.kind === 'rubik') {
    inMemory(pipeline.rubik.input, bus);
    inMemory(pipeline.rubik.output, bus);
  }
  if (pipeline.kind === 'cdp') {
    inMemory(pipeline.cdp.input, bus);
    inMemory(pipeline.cdp.output, bus);
  }
}

function inMemory(cube: Cube | undefined, bus: Bus): void {
  if (cube) bus.window(cube.address, cube.size);
}

function agree(stage: string, given: Shape4 | undefined, wanted: Shape4 | undefined): void {
  if (!given || !wanted) return;
  const isSame = given.every((dim, axis) => dim === wanted[axis]);
  if (isSame && given.reduce((product, dim) => product * dim, 1) <= mostElements) return;
  fail(
    'device/fault',
    isSame ? `the cube that is handed to ${stage} is too large` : `${stage} gets another cube than its registers say`,
    {},
    { expected: wanted.join('x'), actual: given.join('x') },
  );
}
