import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DlakitError, type ErrorCode } from '../base/errors.ts';
import { sha256, sha256Hex } from '../base/hashing.ts';

import type { CompiledNetwork, Plan, PlanTensor, Program } from '../program/program.ts';
import { problemOf } from '../program/testing/problem-of.ts';
import { sampleProgram } from '../program/testing/sample-program.ts';
import { decodeLoadable, encodeLoadable, isLoadable } from './container.ts';

function sampleNetwork(): CompiledNetwork {
  const { program, blobs } = sampleProgram();
  const model = new TextEncoder().encode('a host model');
  const tensor = (id: number): PlanTensor => {
    const { name, shape, scale } = program.surfaces[id]!;
    return { name, shape, dtype: 'float32', ...(scale !== undefined && { scale }) };
  };
  const plan: Plan = {
    network: 'sample',
    target: 'orin',
    release: 'JetPack 6.0',
    batch: 1,
    ranges: 'calibrated',
    preprocess: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], channelOrder: 'rgb' },
    tensors: [...program.inputs, ...program.outputs]
      .map(tensor)
      .concat({ name: 'top', shape: [1, 5], dtype: 'float32' }),
    inputs: ['image'],
    outputs: ['both', 'top'],
    segments: [
      { kind: 'dla', name: '{ForeignNode[Conv_0...Sigmoid_6]}', program },
      {
        kind: 'host',
        name: 'TopK_7',
        nodes: ['TopK_7'],
        reason: 'refused',
        inputs: ['picked'],
        outputs: ['top'],
        model: sha256Hex(model),
      },
    ],
  };
  return { plan, blobs: new Map([...blobs, [sha256Hex(model), model]]) };
}

const network = sampleNetwork();
const encoded = encodeLoadable(network);
const textAt = 32;
const textLength = Number(new DataView(encoded.buffer).getBigUint64(24, true));
const blobCount = new DataView(encoded.buffer).getUint32(12, true);
const checksumAt = textAt + textLength + blobCount * 40;

/** The same with changes, and the checksum made right again: what an attacker would send. */
function forged(change: (data: Uint8Array, view: DataView) => void): Uint8Array {
  const data = encoded.slice();
  change(data, new DataView(data.buffer));
  data.set(sha256(data.subarray(0, checksumAt)), checksumAt);
  return data;
}

const codeOf = (data: Uint8Array): ErrorCode => problemOf(() => decodeLoadable(data)).code;

describe('encode and decode', () => {
  it('give the network back', () => {
    const decoded = decodeLoadable(encoded, { target: 'orin' });
    expect(decoded.plan).toStrictEqual(network.plan);
    expect(new Map([...decoded.blobs].sort())).toEqual(new Map([...network.blobs].sort()));
    expect(isLoadable(encoded)).toBe(true);
  });

  it('give equal bytes for equal networks, in whatever order the blobs come and whatever else is there', () => {
    const shuffled = new Map([...network.blobs].reverse()).set(sha256Hex(Uint8Array.of(9)), Uint8Array.of(9));
    expect(encodeLoadable({ plan: structuredClone(network.plan), blobs: shuffled })).toEqual(encoded);
    expect(encodeLoadable(decodeLoadable(encoded))).toEqual(encoded);
  });

  it('copy no blob, and align every one', () => {
    const room = new Uint8Array(encoded.length + 128);
    room.set(encoded, 64);
    const inside = room.subarray(64, 64 + encoded.length);
    for (const blob of decodeLoadable(inside).blobs.values()) {
      expect(blob.buffer).toBe(room.buffer);
      expect(blob.byteOffset % 64).toBe(0);
    }
  });

  it('refuse to encode an invalid plan or a missing blob', () => {
    expect(problemOf(() => encodeLoadable({ ...network, blobs: new Map() })).code).toBe('program/invalid');
    const plan: Plan = { ...network.plan, outputs: ['nothing'] };
    expect(problemOf(() => encodeLoadable({ ...network, plan })).code).toBe('program/invalid');
    const unknown: Plan = { ...network.plan, target: 'tegra' };
    expect(problemOf(() => encodeLoadable({ ...network, plan: unknown })).code).toBe('target/unknown');
  });
});

describe('what is no loadable', () => {
  it.each<readonly [string, Uint8Array, ErrorCode]>([
    ['nothing', new Uint8Array(), 'loadable/not-a-loadable'],
    ['text', new TextEncoder().encode('DLAKIT but not really'), 'loadable/not-a-loadable'],
    ['half the magic', encoded.slice(0, 5), 'loadable/truncated'],
    ['half the header', encoded.slice(0, 20), 'loadable/truncated'],
    ['half the plan', encoded.slice(0, 100), 'loadable/truncated'],
    ['all but a byte', encoded.slice(0, -1), 'loadable/truncated'],
    ['one byte more', new Uint8Array([...encoded, 0]), 'loadable/corrupt'],
    ['another version', forged((_, view) => view.setUint32(8, 1, true)), 'loadable/version'],
    ['too many blobs', forged((_, view) => view.setUint32(12, 2 ** 31, true)), 'loadable/too-large'],
    ['a huge file', forged((_, view) => view.setBigUint64(16, 2n ** 63n, true)), 'loadable/too-large'],
    ['a huge plan', forged((_, view) => view.setBigUint64(24, 2n ** 40n, true)), 'loadable/too-large'],
    ['a plan past the end', forged((_, view) => view.setBigUint64(24, 2n ** 24n, true)), 'loadable/corrupt'],
    ['fewer blobs', forged((_, view) => view.setUint32(12, blobCount - 1, true)), 'loadable/corrupt'],
    ['a longer blob', forged((_, view) => view.setBigUint64(checksumAt - 8, 10n ** 6n, true)), 'loadable/corrupt'],
    ['a huge blob', forged((_, view) => view.setBigUint64(checksumAt - 8, 2n ** 60n, true)), 'loadable/too-large'],
    ['a shorter blob', forged((_, view) => view.setBigUint64(checksumAt - 8, 1n, true)), 'loadable/corrupt'],
    ['another hash', forged((data) => data.fill(255, checksumAt - 40, checksumAt - 8)), 'loadable/corrupt'],
    ['a hash out of order', forged((data) => data.fill(0, checksumAt - 40, checksumAt - 8)), 'loadable/corrupt'],
    ['bytes between blobs', forged((data) => data.fill(1, checksumAt + 32, checksumAt + 33)), 'loadable/corrupt'],
    ['another blob', forged((data) => data.fill(7, data.length - 1)), 'loadable/corrupt'],
    ['a plan that is not UTF-8', forged((data) => data.fill(0xff, textAt, textAt + 1)), 'loadable/corrupt'],
    ['a plan that does not parse', forged((data) => data.fill(0x5b, textAt, textAt + 4)), 'loadable/corrupt'],
  ])('%s', (_, data, code) => {
    expect(codeOf(data)).toBe(code);
  });

  it('names the file, and keeps what the plan had to say', () => {
    const edited = forged((data) => {
      const text = new TextDecoder().decode(data.subarray(textAt, textAt + textLength));
      const at = text.indexOf('memory=managed_sram offset=0');
      data.set(
        new TextEncoder().encode('memory=managed_sram offset=8'),
        textAt + new TextEncoder().encode(text.slice(0, at)).length,
      );
    });
    expect(problemOf(() => decodeLoadable(edited, { file: 'net.dla' }))).toEqual({
      code: 'loadable/corrupt',
      message: 'the offset is not aligned',
      place: { file: 'net.dla', node: '{ForeignNode[Conv_0...Sigmoid_6]}', value: 'pooled' },
      expected: 'a multiple of 64',
      actual: '8',
    });
  });

  it('refuses another target, and one that nobody knows', () => {
    expect(problemOf(() => decodeLoadable(encoded, { target: 'xavier', file: 'net.dla' }))).toEqual({
      code: 'loadable/target',
      message: 'the loadable was made for another target',
      place: { file: 'net.dla' },
      expected: 'xavier',
      actual: 'orin',
    });
    const renamed = forged((data) => {
      const text = new TextDecoder()
        .decode(data.subarray(textAt, textAt + textLength))
        .replaceAll('target=orin', 'target=thor');
      data.set(new TextEncoder().encode(text), textAt);
    });
    expect(codeOf(renamed)).toBe('loadable/target');
  });

  it('meets every flipped byte with a typed error', () => {
    fc.assert(
      fc.property(fc.nat(encoded.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const data = encoded.slice();
        data[at]! ^= flip;
        expect(codeOf(data)).toMatch(/^loadable\//);
      }),
      { numRuns: 300 },
    );
  });

  it('meets every length with a typed error', () => {
    for (let length = 0; length < encoded.length; length += 7)
      expect(codeOf(encoded.slice(0, length))).toMatch(/^loadable\//);
  });

  it('meets every forged byte of header, plan and table with a typed error, or decodes to a valid network', () => {
    fc.assert(
      fc.property(fc.integer({ min: 8, max: checksumAt - 1 }), fc.nat(255), (at, value) => {
        try {
          const { plan, blobs } = decodeLoadable(forged((data) => data.fill(value, at, at + 1)));
          encodeLoadable({ plan, blobs });
        } catch (error) {
          if (!(error instanceof DlakitError)) throw error;
          expect(error.problem.code).toMatch(/^loadable\//);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('plans', () => {
  const { plan, blobs } = network;
  const [dla, host] = plan.segments;
  const program: Program = dla?.kind === 'dla' ? dla.program : sampleProgram().program;
  it.each<readonly [string, Plan, string]>([
    ['a batch of 0', { ...plan, batch: 0 }, 'the batch is no positive integer'],
    [
      'a tensor without a name',
      { ...plan, tensors: [...plan.tensors, { name: '', shape: [1], dtype: 'int8' }] },
      "a tensor's name is empty or too long",
    ],
    ['an unlisted input', { ...plan, inputs: ['other'] }, 'a tensor is not listed'],
    ['an input twice', { ...plan, inputs: ['image', 'image'] }, 'a tensor is made twice'],
    [
      'no input',
      { ...plan, inputs: [] },
      '{ForeignNode[Conv_0...Sigmoid_6]} needs a tensor that nothing before it makes',
    ],
    [
      'segments the wrong way round',
      { ...plan, segments: [host!, dla!] },
      'TopK_7 needs a tensor that nothing before it makes',
    ],
    [
      'an output nobody makes',
      { ...plan, segments: [dla!] },
      'the network needs a tensor that nothing before it makes',
    ],
    ['a tensor twice', { ...plan, tensors: [...plan.tensors, plan.tensors[0]!] }, 'two tensors have the same name'],
    [
      'a tensor of another size',
      { ...plan, tensors: plan.tensors.map((tensor) => ({ ...tensor, shape: [1, 7] })) },
      'a surface does not have the elements of its tensor',
    ],
    [
      'a tensor of another scale',
      { ...plan, tensors: plan.tensors.map((tensor) => ({ ...tensor, scale: 0.5 })) },
      'a surface has another scale than its tensor',
    ],
    [
      'a segment for another target',
      { ...plan, segments: [{ kind: 'dla', name: 'dla', program: { ...program, target: 'xavier' } }, host!] },
      'the target differs',
    ],
  ])('%s: refused', (_, broken, message) => {
    expect(problemOf(() => encodeLoadable({ plan: broken, blobs })).message).toBe(message);
  });
});
