/** The angle classifier's output as decisions. */

import type { OcrOutputs } from './ocr-models.ts';
import type { TextLine } from './text-lines.ts';

/** On how many lines each tells the angle, and on how many both decide alike. Class 0 is upright, class 1 turned by 180°. */
export function angleDecisions(lines: readonly TextLine[], { fp32, int8 }: OcrOutputs) {
  const turned = ([up = 0, down = 0]: Float32Array): boolean => down > up;
  const count = (test: (line: TextLine, index: number) => boolean): number => lines.filter(test).length;
  return {
    right: {
      fp32: count((line, index) => turned(fp32[index]!) === line.rotated),
      int8: count((line, index) => turned(int8[index]!) === line.rotated),
    },
    agreeing: count((_, index) => turned(fp32[index]!) === turned(int8[index]!)),
  };
}
