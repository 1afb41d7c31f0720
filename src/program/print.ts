/**
 * Programs and Plans as text, in the notation of notation.ts; parse.ts reads it back as an equal value. Constants appear as
 * shape, type and the hash of their bytes, which a blob table finds again.
 *
 *     plan       network, target, release, …
 *     tensor     one for each tensor that crosses between segments
 *     segment    and, if it runs on the DLA, its
 *     program    target, SRAM, input and output surfaces
 *     surface    one each
 *     constant   one for each surface that has bytes
 *     layer      one each, with the names of what it reads and writes as a comment
 */

import { layerReads, layerWrites } from './access.ts';
import type { Layer } from './layer.ts';
import { printStatement } from './notation.ts';
import type { Plan, Program } from './program.ts';

export function printProgram(program: Program): string {
  return `${programLines(program).join('\n')}\n`;
}

export function printPlan(plan: Plan): string {
  const { tensors, segments, ...head } = plan;
  const lines = [printStatement('plan', head), ...tensors.map((tensor) => printStatement('tensor', tensor))];
  for (const segment of segments) {
    if (segment.kind === 'host') {
      lines.push('', printStatement('segment', segment));
      continue;
    }
    const { program, ...rest } = segment;
    lines.push('', printStatement('segment', rest), ...programLines(program));
  }
  return `${lines.join('\n')}\n`;
}

function programLines(program: Program): readonly string[] {
  const { surfaces, layers, constants, ...head } = program;
  return [
    printStatement('program', head),
    ...surfaces.map((surface) => printStatement('surface', surface)),
    ...constants.map((constant) => printStatement('constant', constant)),
    ...layers.map((layer) => printStatement('layer', layer, flow(layer, program))),
  ];
}

/** `conv1:out, conv1:weights → conv2:out` */
function flow(layer: Layer, { surfaces }: Program): string {
  const names = (list: readonly { readonly surface: number }[]) =>
    list.map(({ surface }) => surfaces[surface]?.name ?? `surface ${surface}`).join(', ');
  return `${names(layerReads(layer))} → ${names(layerWrites(layer))}`;
}
