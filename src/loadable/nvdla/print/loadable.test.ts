import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DlakitError } from '../../../base/errors.ts';
import { inspect } from '../../../index.ts';
import {
  commonDesc,
  lutParam,
  networkDesc,
  type OperationDesc,
  operationDescs,
  operationTypes,
  surfaceDescs,
} from '../format/descriptors.ts';
import { type Codec, decode } from '../format/layout.ts';
import { decodeStockLoadable, isStockLoadable, type StockLoadable } from '../format/stock-loadable.ts';
import { anyLoadable } from '../testing/arbitrary-loadable.ts';
import { fixture, networks, operations } from '../testing/fixtures.ts';
import { mutantOf } from '../testing/mutant.ts';
import { printStockLoadable } from './loadable.ts';
import { lookupTableLines } from './lookup-table.ts';
import { operationLines } from './operation.ts';
import { surfaceLines } from './surface.ts';
import { dependencyText, networkText } from './task.ts';

describe('a printed loadable', () => {
  it.each([
    ['a softmax behind a network', 'networks/resnet_sm__nv_small_int8_ncxhwx_fast-math_per-kernel__s0/model.nvdla'],
    ['an image in float16', 'networks/im_d__nv_full_fp16_nhwc_fast-math__s0/model.nvdla'],
    ['a lookup table', 'ops/nv_full_CDP_s3_051/model_v10.nvdla'],
  ])('reads well: %s', async (what, path) => {
    const { bytes } = fixture(path);
    await expect(inspect(bytes)).toMatchFileSnapshot(`__snapshots__/${what.replaceAll(' ', '-')}.txt`);
  });

  it('is there for every loadable of the data, whole', () => {
    for (const { name, bytes } of [...networks(), ...operations()]) {
      expect(isStockLoadable(bytes), name).toBe(true);
      expect(inspect(bytes), name).not.toMatch(/cannot be read|unknown|undefined|NaN|not in the list/);
    }
  });

  it('has no control characters but the ends of its lines', () => {
    const [loadable] = networks().map((file) => file.loadable);
    const name = 'a"\n\u001b[31m\u009b\u202ename';
    const named = printStockLoadable({
      ...loadable!,
      tensors: loadable!.tensors.map((tensor) => ({ ...tensor, name })),
      blobs: [...loadable!.blobs, { ...loadable!.blobs[0]!, name }],
    });
    expect(named).toContain('tensor 0: "a\\"\\n\\u001b[31m\\u009b\\u202ename" n1');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    expect(named.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  });

  it('says what cannot be read, and prints the rest', () => {
    const { loadable } = fixture('ops/nv_small_PDP_s3_001/model_v12.nvdla');
    const cut = { ...loadable, blobs: loadable.blobs.map((blob) => ({ ...blob, data: blob.data.subarray(0, 30) })) };
    const text = printStockLoadable(cut);
    expect(text).toContain('address 0: memory 0');
    expect(text).toMatch(/task 0: DLA1.*\n {2}addresses .*\n {2}cannot be read: .*\[loadable\/truncated\]\n$/);
  });

  it('ends where lists are longer than what fills them', () => {
    const { loadable } = fixture('ops/nv_full_CDP_s3_051/model_v12.nvdla');
    // Lists in memories of zeros with a byte at the end, and as many operations and tables as can be counted.
    const far = { ...loadable.blobs[0]!, name: 'far', data: new Uint8Array(1), size: 1 };
    const blobs = loadable.blobs.map((blob) => {
      if (blob.subInterface !== 1) return blob;
      const data = blob.data.slice();
      const view = new DataView(data.buffer);
      networkDesc.write(view, 0, { ...networkDesc.read(view, 0), numOperations: 0xffff, numLuts: 0xffff });
      return { ...blob, data };
    });
    const memories = loadable.memories.map((memory) =>
      memory.id === 0
        ? memory
        : {
            ...memory,
            size: 2 ** 31,
            contents: [...memory.contents, 'far'],
            offsets: [...memory.offsets, 2 ** 31 - 1],
          },
    );
    const text = printStockLoadable({ ...loadable, memories, blobs: [...blobs, far] });
    expect(text).toMatch(/cannot be read: .*\[loadable\/too-large\]\n$/);
  });

  it('is a text or a typed error, whatever bytes change', () => {
    const files = [
      fixture('ops/nv_small_CDP_s3_016/model_v10.nvdla').bytes,
      fixture('networks/resnet_sm__nv_small_int8_ncxhwx_fast-math_per-kernel__s0/model.nvdla').bytes,
    ];
    let printed = 0;
    fc.assert(
      fc.property(mutantOf(files), (mutant) => {
        try {
          printStockLoadable(decodeStockLoadable(mutant));
          printed++;
        } catch (error) {
          if (!(error instanceof DlakitError)) throw error;
        }
      }),
      { numRuns: 250 },
    );
    expect(printed).toBeGreaterThan(50);
  });
});

/** Every byte of a record is in its text: whichever changes, the text does. */
function expectEveryByte<T>(codec: Codec<T>, print: (value: T) => string, leastChange = 1): void {
  const bytes = fc.uint8Array({ minLength: codec.size, maxLength: codec.size });
  fc.assert(
    fc.property(bytes, fc.integer({ min: leastChange, max: 255 }), (base, change) => {
      const text = print(decode(codec, base));
      for (const at of base.keys()) {
        const changed = base.slice();
        changed[at]! ^= change;
        if (print(decode(codec, changed)) === text) expect.fail(`byte ${at} is not printed`);
      }
    }),
    { numRuns: Math.ceil(2000 / codec.size) },
  );
}

const places = (position: number, offset = 0): string => `${position}+${offset}`;

describe('nothing is left out', () => {
  it.each(operationTypes)('of what %s does', (type) => {
    expectEveryByte(operationDescs[type] as Codec<unknown>, (op) =>
      operationLines({ type, op } as unknown as OperationDesc).join('\n'),
    );
  });

  it.each(operationTypes)('of where the data of %s lies', (type) => {
    for (const minor of [10, 12] as const) {
      expectEveryByte(surfaceDescs[minor][type] as Codec<unknown>, (surfaces) =>
        surfaceLines({ type, surfaces } as unknown as OperationDesc, places).join('\n'),
      );
    }
  });

  it('of networks, dependencies and tables', () => {
    expectEveryByte(networkDesc, networkText);
    // 0 and 1 as the event of a consumer that is absent mean the same, and neither is shown.
    expectEveryByte(commonDesc, (common) => `${common.opType} ${dependencyText(0, common)}`, 2);
    expectEveryByte(lutParam, (lut) => lookupTableLines(lut).join('\n'));
  });

  it('of the file', () => {
    const printed = (loadable: unknown): string => printStockLoadable(loadable as StockLoadable);
    fc.assert(
      fc.property(anyLoadable, (loadable) => {
        const text = printed(loadable);
        for (const path of numbers(loadable)) {
          if (printed(changed(loadable, path)) === text) expect.fail(`${path.join('.')} is not printed`);
        }
      }),
      { numRuns: 40 },
    );
  });
});

type Path = readonly (string | number)[];

/** Where numbers are in a value, but for the bytes of blobs. */
function numbers(value: unknown): readonly Path[] {
  if (typeof value === 'number') return [[]];
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  return Object.entries(value).flatMap(([key, inner]) => numbers(inner).map((rest) => [key, ...rest]));
}

function changed(value: unknown, [key, ...rest]: Path): unknown {
  if (key === undefined) return (value as number) + 1;
  const inner = changed((value as Record<string, unknown>)[key], rest);
  if (Array.isArray(value)) return value.map((one, index) => (index === Number(key) ? inner : one));
  return { ...(value as object), [key]: inner };
}
