/** Channels from one surface to another. */

import { isNvdla } from '../../targets/target.ts';
import type { Shape4 } from '../surface.ts';
import { type LayerContext, sameShape, surfaceOf, unchanged, whole } from './context.ts';
import { channelRun, index, integer, record } from './fields.ts';
import type { LayerKind } from './kind.ts';

/** Moves channels [inputChannel, inputChannel + channels) of input to [outputChannel, …) of output, unchanged. */
export interface Copy<S> {
  readonly input: S;
  readonly inputChannel: number;
  readonly outputChannel: number;
  readonly channels: number;
  readonly output: S;
}

const copySchema = record<Copy<number>>()({
  input: index,
  inputChannel: integer,
  outputChannel: integer,
  channels: integer,
  output: index,
});

function checkCopy(context: LayerContext, copy: Copy<number>): void {
  const input = surfaceOf(context, copy.input, 'copy.input');
  const output = surfaceOf(context, copy.output, 'copy.output');
  whole(context, 'copy.channels', copy.channels, 1, 65_535);
  whole(context, 'copy.inputChannel', copy.inputChannel, 0, input.shape[1] - copy.channels);
  whole(context, 'copy.outputChannel', copy.outputChannel, 0, output.shape[1] - copy.channels);
  const [n, , h, w] = input.shape;
  sameShape(context, 'copy.output', output.shape, [n, output.shape[1], h, w]);
  unchanged(context, input, output);
}

export const copyKind: LayerKind<'copy'> = {
  kind: 'copy',
  title: 'channel copy',
  fields: { copy: copySchema },
  runs: 'engines',
  lacks: (target) => (isNvdla(target) ? 'engine for this layer' : undefined),
  map: ({ kind, copy: { input, output, ...rest } }, visit) => ({
    kind,
    copy: {
      ...rest,
      input: visit(input, {
        role: 'input',
        field: 'copy.input',
        channels: channelRun(rest.inputChannel, rest.channels),
      }),
      output: visit(output, {
        role: 'output',
        field: 'copy.output',
        channels: channelRun(rest.outputChannel, rest.channels),
        keepsRest: true,
      }),
    },
  }),
  check: (context, { copy }) => checkCopy(context, copy),
  work({ copy }, typeOf) {
    const { shape, dtype } = typeOf(copy.output);
    const moved: Shape4 = [shape[0], copy.channels, shape[2], shape[3]];
    return [{ engine: 'bdma', enters: moved, leaves: moved, dtype }];
  },
};
