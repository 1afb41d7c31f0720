/**
 * The folder that goes to the board: the network, the cache of its ranges, a script that builds and measures, and a page that says
 * what to bind. Names in a network come from a file and may hold anything: they stay inside a word of the shell, a comment of one
 * line and a cell of a table.
 */

import type { Rounding } from '../base/rounding.ts';
import type { BoardBinding } from '../compile/orin/board/bindings.ts';
import type { Board } from '../compile/orin/board/board.ts';
import type { BoardCommand, BoardFlag } from '../compile/orin/board/commands.ts';
import { preprocessFile, preprocessText, writePreprocess } from '../graph/preprocess.ts';
import { cudlaHost } from './cudla/host.ts';
import { printable } from './table.ts';

export interface BoardFile {
  readonly file: string;
  readonly data: Uint8Array | string;
  readonly executable?: true;
}

export const boardFolder = (board: Board): readonly BoardFile[] => [
  { file: board.model.file, data: board.model.bytes },
  ...(board.cache ? [{ file: board.cache.file, data: board.cache.text }] : []),
  ...pictures(board).map(({ file, preprocess }) => ({ file, data: writePreprocess(preprocess) })),
  { file: 'trtexec.sh', data: script(board), executable: true },
  { file: 'README.md', data: page(board) },
  ...[...hostFiles(board)].map(([file, data]) => ({ file: `cudla/${file}`, data })),
];

const hostFiles = ({ cudla, bindings }: Board): ReadonlyMap<string, string> =>
  cudla ? cudlaHost(bindings) : new Map();

/** How pictures are prepared, beside the cache or, where there is none, the network: there `dla` looks for it. */
const pictures = ({ cache, model, preprocess }: Board) =>
  preprocess ? [{ file: preprocessFile((cache ?? model).file), preprocess }] : [];

const version = ({ release }: Board): string => `${release.name} (TensorRT ${release.tensorrt.join('.')})`;

/** Where JetPack installs trtexec, which is not on the PATH. */
const jetpackFolder = '/usr/src/tensorrt/bin';

function script(board: Board): string {
  const does = board.standalone ? 'Builds' : 'Builds and measures';
  return `${[
    '#!/bin/sh',
    `# ${does} ${printable(board.network)} with the trtexec of ${version(board)}. README.md says what to bind.`,
    'set -eu',
    'cd "$(dirname "$0")"',
    '',
    `trtexec=\${TRTEXEC:-$(command -v trtexec || echo ${jetpackFolder}/trtexec)}`,
    'if [ ! -x "$trtexec" ]; then',
    `  echo "trtexec is neither on the PATH nor in ${jetpackFolder}: name it, TRTEXEC=/path/to/trtexec $0" >&2`,
    '  exit 1',
    'fi',
    ...commandLines(board.commands),
  ].join('\n')}\n`;
}

/** Every run of trtexec, with the reason of each flag where it first appears. */
function commandLines(commands: readonly BoardCommand[]): readonly string[] {
  const explained = new Set<string>();
  return commands.flatMap(({ purpose, aside, flags }, index) => {
    const fresh = flags.filter((flag) => !explained.has(word(flag)));
    for (const flag of fresh) explained.add(word(flag));
    return [
      '',
      `# ${purpose}`,
      ...fresh.map((flag) => `#   ${printable(word(flag))}: ${printable(flag.reason)}`),
      ['"$trtexec"', ...flags.map((flag) => quote(word(flag)))].join(' \\\n  ') + (aside ? ' &' : ''),
      ...(aside ? ['beside=$!'] : []),
      ...(commands[index - 1]?.aside ? ['wait "$beside"'] : []),
    ];
  });
}

const word = ({ name, value }: BoardFlag): string => (value === undefined ? name : `${name}=${value}`);

const quote = (text: string): string => (/^[\w./:,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

function page(board: Board): string {
  const { bindings, preprocess, notes, rounding, withoutScale } = board;
  const scaled = bindings.some(({ scale }) => scale !== undefined);
  const formats = [...new Set(bindings.map(({ format }) => format))];
  return `${[
    `# ${cell(board.network)} for the DLA, ${version(board)}`,
    '',
    'Copy this folder to the board and run `./trtexec.sh` there. The script says why each flag is there.',
    '',
    table(['file', 'what it is'], filesOf(board)),
    '',
    '## Bindings',
    '',
    table(
      ['name', 'side', 'shape', 'type', 'format', 'bytes', 'row', 'channel block', 'image', 'scale'],
      bindings.map(bindingRow),
    ),
    '',
    'Row, channel block and image are the bytes from one to the next.',
    '',
    ...formats.map((format) => `* \`${format}\`: ${layouts[format]}`),
    ...(scaled ? ['', `INT8: ${roundings[rounding]} x = q · scale.`] : []),
    ...(preprocess ? ['', `The ranges belong to pictures that become ${preprocessText(preprocess)}.`] : []),
    ...(board.cudla ? ['', ...hostPage(board)] : []),
    ...(withoutScale.length > 0
      ? [
          '',
          '## Tensors without a scale',
          '',
          'What touches them runs in FP16:',
          '',
          ...withoutScale.map((value) => `* ${code(value)}`),
        ]
      : []),
    ...(notes.length > 0 ? ['', '## Worth knowing', '', ...notes.map((note) => `* ${cell(note)}`)] : []),
  ].join('\n')}\n`;
}

function hostPage({ name, bindings }: Board): readonly string[] {
  const files = bindings.map(({ side }, index) => `${side}${index}.bin`).join(' ');
  return [
    '## Running it through cuDLA',
    '',
    '    make -C cudla',
    `    cudla/hybrid ${name}.loadable.bin 0 ${files}`,
    `    cudla/standalone ${name}.loadable.bin 0 ${files}`,
    '',
    '`hybrid` runs the loadable in a CUDA stream, `standalone` without CUDA, on the core of that number. Both read every input and',
    'write every output in the order of the table, as little-endian float32 of its shape, which is what `dla run` reads and writes.',
    'They refuse a loadable whose tensor descriptors are not those of the table. **Nobody has tried them on a board**: they are tested',
    'against headers and a library that stand in for cuDLA.',
  ];
}

function filesOf(board: Board): readonly (readonly string[])[] {
  const written = board.commands.flatMap(({ flags }) =>
    flags.flatMap(({ name, value = '', reason }) =>
      /^--(?:saveEngine|export\w+)$/.test(name) ? [[code(value), `${reason}; the script writes it`]] : [],
    ),
  );
  return [
    [code(board.model.file), 'the prepared network'],
    ...(board.cache ? [[code(board.cache.file), 'the ranges of its tensors']] : []),
    ...pictures(board).map(({ file }) => [code(file), 'how pictures become its input, for `dla`']),
    [code('trtexec.sh'), board.standalone ? 'builds the loadable' : 'builds the engine and measures it'],
    ...written,
    ...(board.cudla ? [[code('cudla/'), 'a host in C++ that runs the loadable through cuDLA']] : []),
  ];
}

function bindingRow({ name, side, shape, type, format, strides, bytes, scale }: BoardBinding): readonly string[] {
  const { line = '', surface = '', batch = '' } = strides ?? {};
  return [
    code(name),
    side,
    shape.join('×'),
    type,
    format,
    `${bytes}`,
    `${line}`,
    `${surface}`,
    `${batch}`,
    scale === undefined ? '' : `${scale}`,
  ];
}

const layouts: Readonly<Record<BoardBinding['format'], string>> = {
  dla_hwc4:
    'rows of pixels, the channels of a pixel side by side; three channels take four places. Rows are padded. A channel block is all channels.',
  dla_linear: 'one channel after the other, each in rows that are padded to 64 bytes.',
  chw32: 'blocks of 32 channels one after the other; in a block, rows of pixels with their 32 channels side by side.',
  chw16: 'blocks of 16 channels one after the other; in a block, rows of pixels with their 16 channels side by side.',
  chw: 'packed in the order of the shape.',
};

const roundings: Readonly<Record<Rounding, string>> = {
  'half-away': 'q = round(x / scale), halves away from zero, held to −128 … 127;',
  'half-even': 'q = round(x / scale), halves to the even number, held to −128 … 127;',
};

const table = (titles: readonly string[], rows: readonly (readonly string[])[]): string =>
  [titles, titles.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** Text that neither ends a cell nor is taken for markup. */
const cell = (text: string): string => printable(text).replace(/[\\`*_{}[\]<>|#]/g, '\\$&');

/** A name in a fixed-width font, with as many backticks around it as it needs. */
function code(text: string): string {
  const shown = printable(text).replaceAll('|', '\\|');
  const longest = Math.max(0, ...[...shown.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return longest > 0 ? `${fence} ${shown} ${fence}` : `${fence}${shown}${fence}`;
}
