/**
 * Text of lines and tokens (printed Plans and Graphs, calibration caches, JSON), changed as a careless or a malicious hand
 * would: lines taken out, doubled and swapped; numbers, words and brackets replaced by others.
 */

import type { Random } from '../../src/base/random.ts';
import { nastyFloats, nastyIntegers, nastyNames } from './random.ts';

const token = /-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|[A-Za-z_][\w./:-]*|"(?:[^"\\]|\\.)*"|[[\]{}=(),:#]/g;

export function mutateText(text: string, random: Random): string {
  const lines = text.split('\n');
  const changes = random.chance(0.7) ? 1 : 2 + random.below(3);
  for (let count = 0; count < changes; count++) {
    const at = random.below(lines.length);
    switch (random.below(14)) {
      case 0:
        lines.splice(at, 1);
        break;
      case 1:
        lines.splice(at, 0, lines[at]!);
        break;
      case 2: {
        const other = random.below(lines.length);
        [lines[at], lines[other]] = [lines[other]!, lines[at]!];
        break;
      }
      case 3:
        lines[at] = lines[at]!.slice(0, random.below(lines[at]!.length + 1));
        break;
      case 4:
        lines[at] =
          `${lines[at]} ${random.pick(['[', '{', '"', '=', '#', 'id=0', '__proto__=1', 'scale=1', '['.repeat(2000)])}`;
        break;
      default:
        lines[at] = mutateToken(lines[at]!, lines, random);
    }
    if (lines.length === 0) return '';
  }
  return lines.join('\n');
}

function mutateToken(line: string, lines: readonly string[], random: Random): string {
  const found = [...line.matchAll(token)];
  if (found.length === 0) return line;
  const chosen = random.pick(found);
  const [old] = chosen;
  const replaced = /^-?\d/.test(old) ? otherNumber(Number(old), random) : otherWord(old, lines, random);
  return line.slice(0, chosen.index) + replaced + line.slice(chosen.index + old.length);
}

function otherNumber(value: number, random: Random): string {
  switch (random.below(6)) {
    case 0:
      return String(BigInt.asIntN(64, random.pick(nastyIntegers)));
    case 1:
      return String(random.pick(nastyFloats));
    case 2:
      return String(value * 2);
    case 3:
      return String(value / 2);
    default:
      return String(value + random.pick([-32, -1, 1, 1, 32, 64]));
  }
}

function otherWord(word: string, lines: readonly string[], random: Random): string {
  if (random.chance(0.1)) return '';
  if (random.chance(0.2)) return JSON.stringify(random.pick(nastyNames));
  const others = [...random.pick(lines).matchAll(token)].map(([other]) => other);
  return others.length > 0 ? random.pick(others) : word + word;
}
