/** The recogniser's output as text: greedy CTC. Class 0 is the blank, then the characters of the key file, then a space. */

import { ocrAsset } from './ocr-models.ts';

export type TextDecoder = (scores: Float32Array) => string;

/** Scores are [time, class]. */
export async function textDecoder(): Promise<TextDecoder> {
  const keys = new globalThis.TextDecoder().decode(await ocrAsset('ppocr_keys_v1.txt'));
  const characters = ['', ...keys.split('\n').map((line) => line.replace(/\r$/, '')), ' '];
  const classes = characters.length;
  return (scores) => {
    if (scores.length % classes !== 0) throw new Error(`${scores.length} scores are not of ${classes} classes`);
    let text = '';
    let before = 0;
    for (let start = 0; start < scores.length; start += classes) {
      let best = 0;
      for (let i = 1; i < classes; i++) if (scores[start + i]! > scores[start + best]!) best = i;
      if (best !== before) text += characters[best]!;
      before = best;
    }
    return text;
  };
}

/** The least number of insertions, deletions and replacements that turn one text into the other. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
