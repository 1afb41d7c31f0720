/**
 * A small host in C++ that runs the loadable of a board folder through cuDLA (docs/hardware/dla-software.md#cudla): real numbers from
 * files to the surfaces of the bindings table, the loadable, and its surfaces back to real numbers. It refuses a loadable whose tensor
 * descriptors are not what the table says.
 */

import { fail } from '../../base/errors.ts';
import type { BoardBinding } from '../../compile/orin/board/bindings.ts';
import { pixelElements } from '../../program/geometry.ts';
import { hostHeader } from './host-header.ts';
import { hybridHost, makefile, standaloneHost } from './hosts.ts';

/** File → contents. @throws compile/unsupported for a binding that does not have four dimensions */
export const cudlaHost = (bindings: readonly BoardBinding[]): ReadonlyMap<string, string> =>
  new Map([
    ['bindings.h', bindingsHeader(bindings)],
    ['host.h', hostHeader],
    ['hybrid.cpp', hybridHost],
    ['standalone.cpp', standaloneHost],
    ['Makefile', makefile],
  ]);

const bindingsHeader = (
  bindings: readonly BoardBinding[],
): string => `// What the loadable reads and writes, as README.md has it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <cudla.h>

struct Binding {
  const char *name;
  size_t n, c, h, w;
  bool half;       // float16, else int8
  uint32_t format; // as cuDLA calls it
  size_t atom;     // channels of a pixel that lie side by side
  size_t row, block, image, bytes;
  float scale;     // real = scale * integer, of int8
};

${(['input', 'output'] as const)
  .map((side) => {
    const rows = bindings.filter((binding) => binding.side === side).map((binding) => `    ${row(binding)},\n`);
    return `inline const std::vector<Binding> ${side}s = {\n${rows.join('')}};\n`;
  })
  .join('\n')}`;

/** As NVIDIA's reference of cuDLA names them. */
const formats = {
  dla_hwc4: 'CUDLA_DATA_FORMAT_NHWC',
  dla_linear: 'CUDLA_DATA_FORMAT_NCHW',
  chw32: 'CUDLA_DATA_FORMAT_NCxHWx',
  chw16: 'CUDLA_DATA_FORMAT_NCxHWx',
} as const;

function row({ name, shape, type, format, strides, bytes, scale = 0 }: BoardBinding): string {
  const [n = 1, c = 1, h = 1, w = 1] = shape;
  if (strides === undefined || format === 'chw') {
    const detail = { expected: 'four dimensions in a format of the DLA', actual: `${shape.join('×')} in ${format}` };
    return fail('compile/unsupported', 'the cuDLA host does not know such a tensor', { value: name }, detail);
  }
  const places = [n, c, h, w].join(', ');
  const lies = [pixelElements(c, format), strides.line, strides.surface, strides.batch, bytes].join(', ');
  return `{${quoted(name)}, ${places}, ${type === 'fp16'}, ${formats[format]}, ${lies}, ${scale.toPrecision(9)}f}`;
}

/** A string of C++: what is not a plain letter as bytes of UTF-8 in octal. */
const quoted = (text: string): string => {
  const bytes = [...new TextEncoder().encode(text)];
  const plain = (byte: number) => byte >= 0x20 && byte < 0x7f && !'"\\?'.includes(String.fromCharCode(byte));
  return `"${bytes.map((byte) => (plain(byte) ? String.fromCharCode(byte) : `\\${byte.toString(8).padStart(3, '0')}`)).join('')}"`;
};
