/**
 * `npm run lint:clones`: code that stands twice. Finds pairs of more than 20 lines that are token for token the same, in everything under
 * src/ but tests. What is said twice is said once instead; a table may repeat itself, since its rows are data.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { Detector, type IClone, type IMapFrame, MemoryStore } from '@jscpd/core';
import { Tokenizer } from '@jscpd/tokenizer';

const longest = 20;

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .map((path) => `src/${path.replaceAll('\\', '/')}`)
  .filter((path) => /\.ts$/.test(path) && !/\.test\.ts$|\/(?:testing|generated)\//.test(path));

const detector = new Detector(new Tokenizer(), new MemoryStore<IMapFrame>(), [], { minLines: 5, minTokens: 60 });
const clones: IClone[] = [];
for (const path of sources.sort())
  clones.push(...(await detector.detect(path, readFileSync(path, 'utf8'), 'typescript')));

const lines = ({ start, end }: IClone['duplicationA']): number => end.line - start.line + 1;
const place = (part: IClone['duplicationA']): string => `${part.sourceId}:${part.start.line}-${part.end.line}`;
const found = clones
  .filter(({ duplicationA }) => lines(duplicationA) > longest)
  .map(
    ({ duplicationA, duplicationB }) =>
      `${lines(duplicationA)} lines: ${place(duplicationA)} and ${place(duplicationB)}`,
  );
for (const line of found) console.error(line);
console.log(`${sources.length} sources, ${found.length} pairs of more than ${longest} lines`);
if (found.length > 0) process.exitCode = 1;
