/** Names in a network come from a file and may hold anything: none leaves its word of the shell, its comment or its cell. */

import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { board, boardFolder, compile, prepare } from '../../src/index.ts';
import { GraphBuilder } from '../../src/models/graph-builder.ts';
import { dummyRanges } from '../../src/quantize/scales.ts';
import { readBoard } from './board-folder.ts';
import { Folder } from './program.ts';

const folder = new Folder();
afterAll(() => folder.remove());

it('hostile names stay names', () => {
  const line = ": > pwned; $(: > pwned) `: > pwned` ' : > pwned' | \\| <b> \u001b[31m";
  const builder = new GraphBuilder(`net\n${line}`, { seed: 1 });
  builder.output(builder.conv(builder.input('image', [1, 3, 16, 20]), { channels: 8, kernel: 3, name: line }));
  const network = prepare(builder.build());
  const compiled = compile(network, { scales: new Map([...dummyRanges(network.graph)]), release: 'JetPack 6.2' });
  const name = "it's $(: > pwned) `: > pwned`";
  for (const { file, data, executable } of boardFolder(board(compiled, { name, cores: 'both' }))) {
    folder.write(file, data);
    if (executable) chmodSync(join(folder.path, file), 0o755);
  }
  const { builds, page, script } = readBoard(folder, '.');
  expect(builds.map((flags) => flags.get('--onnx'))).toEqual([`${name}.onnx`, `${name}.onnx`]);
  expect(folder.files()).not.toContain('pwned');
  for (const text of [page, script]) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  }
  expect(
    page
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((line) => line.match(/(?<!\\)\|/g)!.length),
  ).toEqual(expect.arrayContaining([11, 3]));
});
