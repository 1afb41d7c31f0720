/**
 * Traces, recorded from small loadables and changed as text: lines taken out, doubled, swapped; numbers, registers, interrupts
 * and files replaced by others; memory images likewise.
 */

import type { Random } from '../../../src/base/random.ts';
import { type RecordedTrace, tracesOfLoadable } from '../../../src/runtime/nvdla/record-traces.ts';
import type { NvdlaTarget } from '../../../src/targets/target.ts';
import type { StockBase } from './bases.ts';
import { otherNumber } from './mutate-tree.ts';

export interface TraceBase {
  readonly target: NvdlaTarget;
  /** By name, the trace first. */
  readonly files: RecordedTrace['files'];
}

/** Of the loadables that are small enough to be played in no time. */
export async function traceBases(bases: readonly StockBase[]): Promise<readonly TraceBase[]> {
  const small = bases.filter(({ bytes, name }) => bytes.length < 12_000 && !name.startsWith('emulated'));
  const traces = small.map(async ({ loadable, target }): Promise<readonly TraceBase[]> => {
    const inputs = new Map(
      loadable.memories.flatMap(({ flags, bindId, size }) => (flags & 4 ? [[bindId, filled(size)] as const] : [])),
    );
    const format = target.name === 'nv_full' && loadable.tasks.length % 2 === 1 ? 'txn' : 'cfg';
    const recorded = await tracesOfLoadable(loadable, target, inputs, { format });
    return recorded.traces.map(({ files }) => ({ target, files }));
  });
  return (await Promise.all(traces)).flat();
}

const filled = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, index) => (index * 29 + 3) & 0xff);

/** The same files with one of them changed; the trace itself more often than what it loads. */
export function mutateTrace({ files }: TraceBase, random: Random): ReadonlyMap<string, string> {
  const [trace, ...images] = [...files.keys()];
  const name = images.length > 0 && random.chance(0.2) ? random.pick(images) : trace!;
  return new Map([...files].map(([file, text]) => [file, file === name ? mutateLines(text, random) : text]));
}

function mutateLines(text: string, random: Random): string {
  const lines = text.split('\n');
  for (let count = random.chance(0.6) ? 1 : 2 + random.below(4); count > 0 && lines.length > 0; count--) {
    const at = random.below(lines.length);
    const other = random.below(lines.length);
    switch (random.below(12)) {
      case 0:
        lines.splice(at, 1);
        break;
      case 1:
        lines.splice(at, 0, lines[other]!);
        break;
      case 2:
        [lines[at], lines[other]] = [lines[other]!, lines[at]!];
        break;
      case 3:
        lines[at] = lines[at]!.slice(0, random.below(lines[at]!.length + 1));
        break;
      default:
        lines[at] = mutateToken(lines[at]!, lines[other]!, random);
    }
  }
  return lines.join('\n');
}

const token = /0x[0-9a-f]+|\d+|"[^"]*"|[A-Za-z_][\w.]*/gi;

function mutateToken(line: string, other: string, random: Random): string {
  const found = [...line.matchAll(token)];
  if (found.length === 0) return line;
  const chosen = random.pick(found);
  const [old] = chosen;
  const words = [...other.matchAll(token)].map(([word]) => word).filter((word) => /^\d/.test(word) === /^\d/.test(old));
  const isNumber = /^\d/.test(old);
  const replaced =
    isNumber && random.chance(0.8)
      ? `0x${Math.max(0, otherNumber(Number(old), [], random)).toString(16)}`
      : words.length > 0
        ? random.pick(words)
        : `${old}${old}`;
  return line.slice(0, chosen.index) + replaced + line.slice(chosen.index + old.length);
}
