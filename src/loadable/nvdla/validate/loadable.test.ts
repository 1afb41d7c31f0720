import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DlakitError } from '../../../base/errors.ts';
import { problemOf } from '../../../program/testing/problem-of.ts';
import { nvFull, nvLarge, nvSmall } from '../../../targets/nvdla.ts';
import type { NvdlaTarget } from '../../../targets/target.ts';
import type { OperationDesc } from '../format/descriptors.ts';
import {
  bufferPitch,
  type EmulatorBuffer,
  type EmulatorOperation,
  emulatorLayouts,
} from '../format/emulator-descriptors.ts';
import { statedTarget } from '../format/loadable-target.ts';
import { decodeStockLoadable, type StockLoadable } from '../format/stock-loadable.ts';
import { taskDescriptors } from '../format/task-blobs.ts';
import type { TaskOperation } from '../format/task-descriptors.ts';
import { lowerProgram } from '../lower/program.ts';
import { copyOf, type Editable, withNetwork, withOperation } from '../testing/edited-loadable.ts';
import { fixture, networks, operations } from '../testing/fixtures.ts';
import { mutantOf } from '../testing/mutant.ts';
import { randomProgram } from '../testing/random-program.ts';
import { type LoadableRule, loadableRules } from './findings.ts';
import { validateStockLoadable } from './loadable.ts';

describe('loadables of the conformance data', () => {
  it('keep every rule on their own target, as networks of NVIDIA’s compiler', () => {
    expect(networks().length).toBeGreaterThan(8);
    for (const { name, loadable, target } of networks())
      expect(validateStockLoadable(loadable, target), name).toEqual([]);
  });

  it('keep them as random operations, but for activations that the hardware ignores', () => {
    expect(operations().length).toBeGreaterThan(20);
    for (const { name, loadable, target } of operations()) {
      const others = validateStockLoadable(loadable, target).filter(({ field }) => field !== 'op.y.activation');
      expect(others, name).toEqual([]);
    }
  });
});

/** Everything that has rules of its own, in one program. */
function subject(target: NvdlaTarget, wanted: readonly ((operation: TaskOperation) => boolean)[]): StockLoadable {
  for (let seed = 1; seed < 3000; seed++) {
    const { program, blobs } = randomProgram(target, seed, 14);
    const loadable = lowerProgram(program, blobs, target);
    const { operations: all } = taskDescriptors(loadable, loadable.tasks[0]!);
    if (wanted.every((one) => all.some(one))) return loadable;
  }
  throw new Error('no seed gives such a program');
}

const isRead = (cube: { readonly type: number; readonly address: number }): boolean =>
  cube.type !== 2 && cube.address >= 0;
const full = subject(nvFull, [
  (o) => o.type === 'conv' && o.op.dataFormat === 36 && o.surfaces.src.height > 1 && o.surfaces.src.channel > 32,
  (o) => o.type === 'sdp' && isRead(o.surfaces.src) && isRead(o.surfaces.dst),
  (o) => o.type === 'sdp' && !isRead(o.surfaces.src),
  (o) => o.type === 'sdp' && o.op.x1.enable === 1 && o.op.x1.mode === 1,
  (o) => o.type === 'sdp' && o.op.y.activation === 2,
  (o) => o.type === 'pdp' && isRead(o.surfaces.src),
  (o) => o.type === 'cdp',
  (o) => o.type === 'bdma',
  (o) => o.type === 'rubik' && o.op.mode === 2,
]);

const any = (): boolean => true;
const fromMemory = ({ surfaces }: { readonly surfaces: { readonly src: { readonly type: number } } }): boolean =>
  surfaces.src.type !== 2;
const features = ({ op, surfaces }: Extract<OperationDesc, { type: 'conv' }>): boolean =>
  op.dataFormat === 36 && surfaces.src.height > 1 && surfaces.src.channel > 32;
const conv = (change: (operation: Editable<'conv'>) => void) => withOperation(full, 'conv', features, change);
const sdp = (change: (operation: Editable<'sdp'>) => void) => withOperation(full, 'sdp', fromMemory, change);
const pdp = (change: (operation: Editable<'pdp'>) => void) => withOperation(full, 'pdp', fromMemory, change);
const [input, ...otherMemories] = [...full.memories].sort((a, b) => (b.flags & 4) - (a.flags & 4));

type Violation = [rule: LoadableRule, what: string, loadable: () => StockLoadable, field?: string];

const violations: readonly Violation[] = [
  ['readable', 'a list that is not there', () => withNetwork(full, 'numLuts', 5000)],
  ['readable', 'a task for nobody', () => ({ ...full, tasks: full.tasks.map((task) => ({ ...task, interface: 7 })) })],
  [
    'memory',
    'an alignment of 3',
    () => ({ ...full, memories: full.memories.map((memory) => ({ ...memory, alignment: 3 })) }),
  ],
  [
    'blob',
    'a blob that says more than it has',
    () => ({ ...full, blobs: full.blobs.map((blob) => ({ ...blob, size: blob.size + 1 })) }),
  ],
  ['blob', 'two blobs of one name', () => ({ ...full, blobs: [{ ...full.blobs[0]! }, ...full.blobs] })],
  [
    'blob',
    'a memory too small',
    () => ({ ...full, memories: full.memories.map((m) => (m.id === 0 ? { ...m, size: 8 } : m)) }),
  ],
  [
    'address',
    'an address behind its memory',
    () => ({ ...full, addresses: full.addresses.map((a) => (a.id === 1 ? { ...a, offset: 2 ** 30 } : a)) }),
  ],
  ['address', 'a cube at no address', () => conv((o) => (o.surfaces.src.address = 99)), 'surfaces.src.address'],
  [
    'address',
    'a cube in the network descriptor',
    () => conv((o) => (o.surfaces.src.address = 0)),
    'surfaces.src.address',
  ],
  [
    'tensor',
    'a tensor larger than its memory',
    () => ({ ...full, tensors: full.tensors.map((t) => ({ ...t, size: 2 ** 29 })) }),
  ],
  [
    'tensor',
    'lines that overlap',
    () => ({ ...full, tensors: full.tensors.map((t) => ({ ...t, strides: [t.strides[0]!, 0, 0, 0, 0, 0, 0, 0] })) }),
  ],
  ['bind', 'two inputs of one number', () => ({ ...full, memories: [...otherMemories, { ...input!, bindId: 3 }] })],
  ['submit', 'a task that nobody submits', () => ({ ...full, submits: [] })],
  ['submit', 'a task submitted twice', () => ({ ...full, submits: [{ id: 0, taskIds: [0, 0] }] })],
  ['network', 'another number of addresses', () => withNetwork(full, 'numAddresses', 3), 'network.numAddresses'],
  ['head', 'no first operation', () => withNetwork(full, 'opHead', [-1, -1, -1, -1, -1, -1])],
  ['head', 'a head of another engine', () => withNetwork(full, 'opHead', [0, 0, 0, 0, 0, 0])],
  [
    'chain',
    'an operation that nobody follows',
    () => withOperation(full, 'sdp', any, (o) => (o.common.consumers[2]!.index = -1)),
  ],
  [
    'consumer',
    'a consumer of another engine',
    () => conv((o) => (o.common.consumers[2]!.index = o.common.index)),
    'common.consumers[2]',
  ],
  [
    'consumer',
    'an event that there is not',
    () => conv((o) => (o.common.consumers[2]!.event = 9)),
    'common.consumers[2]',
  ],
  [
    'fused-parent',
    'a parent of another engine',
    () => conv((o) => (o.common.fusedParent.index = 0)),
    'common.fusedParent',
  ],
  [
    'fused-parent',
    'a parent for who reads memory',
    () =>
      withOperation(
        full,
        'sdp',
        (o) => !fromMemory(o),
        (o) => (o.surfaces.src.type = 0),
      ),
  ],
  ['fused-parent', 'data from nobody', () => sdp((o) => (o.surfaces.src.type = 2))],
  ['dependency-count', 'one event too many', () => conv((o) => o.common.dependencyCount++), 'common.dependencyCount'],
  ['cube-memory', 'no such memory', () => conv((o) => (o.surfaces.src.type = 5)), 'surfaces.src.type'],
  ['cube-size', 'no columns', () => sdp((o) => (o.surfaces.src.width = 0)), 'surfaces.src.width'],
  ['cube-size', 'too many rows', () => sdp((o) => (o.surfaces.src.height = 8193)), 'surfaces.src.height'],
  ['cube-alignment', 'half an atom', () => conv((o) => (o.surfaces.src.offset += 16)), 'surfaces.src.offset'],
  [
    'cube-alignment',
    'a stride of half an atom',
    () => conv((o) => (o.surfaces.src.lineStride += 16)),
    'surfaces.src.lineStride',
  ],
  ['cube-strides', 'lines that overlap', () => conv((o) => (o.surfaces.src.lineStride = 0)), 'surfaces.src.lineStride'],
  [
    'cube-strides',
    'surfaces that overlap',
    () => conv((o) => (o.surfaces.src.surfaceStride = 0)),
    'surfaces.src.surfaceStride',
  ],
  [
    'cube-bounds',
    'a cube behind its memory',
    () => conv((o) => (o.surfaces.src.surfaceStride = 2 ** 28)),
    'surfaces.src',
  ],
  [
    'cube-bounds',
    'a cube that says less than it is',
    () => conv((o) => (o.surfaces.src.size = 1)),
    'surfaces.src.size',
  ],
  [
    'cube-bounds',
    'weights behind their memory',
    () => conv((o) => (o.surfaces.weight.size = 2 ** 28)),
    'surfaces.weight',
  ],
  ['precision', 'no such precision', () => conv((o) => (o.op.inPrecision = 3)), 'op.inPrecision'],
  ['field', 'a stride of 9', () => conv((o) => (o.op.convStrideX = 9)), 'op.convStrideX'],
  ['field', 'a factor behind the accumulator', () => conv((o) => (o.op.outConvert.scale = 2)), 'op.outConvert.scale'],
  ['field', 'padding of 8', () => pdp((o) => (o.op.padLeft = 8)), 'op.padLeft'],
  ['field', 'a window of 9', () => pdp((o) => (o.op.width = 8)), 'op.width'],
  ['field', 'a padding value of 20 bits', () => pdp((o) => (o.op.padValues[0] = 2 ** 19)), 'op.padValues[0]'],
  [
    'field',
    'a sum of four channels',
    () => withOperation(full, 'cdp', any, (o) => (o.op.localSize = 4)),
    'op.localSize',
  ],
  ['field', 'a mode that Rubik has not', () => withOperation(full, 'rubik', any, (o) => (o.op.mode = 3)), 'op.mode'],
  [
    'field',
    'no lines',
    () => withOperation(full, 'bdma', any, (o) => (o.surfaces.transfers[0]!.lineRepeat = 0)),
    'surfaces.transfers[0].lineRepeat',
  ],
  [
    'cube-strides',
    'lines of a transfer that overlap',
    () => withOperation(full, 'bdma', any, (o) => (o.surfaces.transfers[0]!.sourceLine = 0)),
    'surfaces.transfers[0].sourceAddress',
  ],
  [
    'cube-bounds',
    'a transfer behind its memory',
    () => withOperation(full, 'bdma', any, (o) => (o.surfaces.transfers[0]!.lineRepeat = 8192)),
  ],
  ['shape', 'kernels of other channels', () => conv((o) => o.op.kernelChannelCsc++), 'op.kernelChannelCsc'],
  [
    'shape',
    'more rows than the input gives',
    () =>
      conv((o) => {
        o.surfaces.dst.height += 40;
        o.op.inputHeightCmac += 40;
      }),
    'surfaces.dst.height',
  ],
  ['shape', 'another width than SDP takes', () => sdp((o) => o.surfaces.dst.width++), 'surfaces.dst.width'],
  ['shape', 'more columns than pooling gives', () => pdp((o) => (o.surfaces.dst.width += 40)), 'surfaces.dst.width'],
  [
    'shape',
    'other planes',
    () =>
      withOperation(
        full,
        'rubik',
        (o) => o.op.mode === 2,
        (o) => o.surfaces.dst.channel++,
      ),
    'surfaces.src.channel',
  ],
  ['entries-per-slice', 'an entry too few', () => conv((o) => o.op.entryPerSlice--), 'op.entryPerSlice'],
  ['data-banks', 'rows that do not fit', () => conv((o) => (o.op.entryPerSlice = 4095)), 'op.dataBank'],
  [
    'weight-banks',
    'a kernel group that does not fit',
    () => conv((o) => (o.op.bytesPerKernel = 2 ** 17)),
    'op.weightBank',
  ],
  [
    'banks',
    'more banks than there are',
    () =>
      conv((o) => {
        o.op.dataBank = 15;
        o.op.weightBank = 15;
      }),
    'op.dataBank',
  ],
  ['banks', 'no bank', () => conv((o) => (o.op.dataBank = 0)), 'op.dataBank'],
  ['weights', 'a kernel of another size', () => conv((o) => o.op.bytesPerKernel++), 'op.bytesPerKernel'],
  ['weights', 'fewer weights than kernels', () => conv((o) => (o.surfaces.weight.size = 0)), 'surfaces.weight.size'],
  [
    'weights',
    'a part of the register’s unit',
    () => conv((o) => (o.surfaces.weight.size += 32)),
    'surfaces.weight.size',
  ],
  ['stripes', 'stripes that leave columns out', () => pdp((o) => (o.op.splitNum = 2)), 'op.splitNum'],
  [
    'lut',
    'a table that is not there',
    () => withOperation(full, 'cdp', any, (o) => (o.op.lutIndex = 99)),
    'op.lutIndex',
  ],
  [
    'lut',
    'a lookup without a table',
    () =>
      withOperation(
        full,
        'sdp',
        (o) => o.op.y.activation === 2,
        (o) => (o.op.lutIndex = -1),
      ),
    'op.lutIndex',
  ],
];

const soft = fixture('networks/resnet_sm__nv_small_int8_ncxhwx_fast-math_per-kernel__s0/model.nvdla').loadable;
const { operation: emulated, buffer: emulatedBuffer } = emulatorLayouts.current;

/** The softmax behind a network of NVIDIA's compiler, with a list of its task changed. */
function withEmulator(list: string, change: (view: DataView) => void): StockLoadable {
  const copy = copyOf(soft);
  const { buffer, byteOffset, byteLength } = copy.blobs.find(({ name }) => name === `task-1-${list}`)!.data;
  change(new DataView(buffer, byteOffset, byteLength));
  return copy;
}

const softmax = (change: Partial<EmulatorOperation>): StockLoadable =>
  withEmulator('op_list', (view) => emulated.write(view, 0, { ...emulated.read(view, 0), ...change }));
const buffer = (which: 0 | 1, change: Partial<EmulatorBuffer>): StockLoadable =>
  withEmulator('op_buf_list', (view) =>
    emulatedBuffer.write(view, which * bufferPitch, { ...emulatedBuffer.read(view, which * bufferPitch), ...change }),
  );

const emulatorViolations: readonly Violation[] = [
  ['readable', 'a list of buffers that is cut off', () => withEmulator('addr0', (view) => view.setUint16(4, 2, true))],
  ['network', 'no operation', () => withEmulator('addr0', (view) => view.setUint16(4, 0, true))],
  ['emulator', 'an operation that there is not', () => softmax({ type: 2 }), 'operation.type'],
  ['emulator', 'a format that it does not take', () => buffer(0, { format: 2 }), 'source.format'],
  ['emulator', 'atoms of another target', () => buffer(1, { format: 0 }), 'destination.format'],
  ['emulator', 'a change of format', () => buffer(1, { format: 3 }), 'destination.format'],
  ['shape', 'more channels than it takes', () => buffer(1, { channel: 11 }), 'destination.channel'],
  ['cube-size', 'no columns', () => buffer(0, { width: 0 }), 'source.width'],
  ['cube-bounds', 'a buffer behind its memory', () => buffer(0, { offset: 2 ** 20 }), 'source'],
  ['cube-strides', 'channels that overlap', () => buffer(0, { surfaceStride: 0 }), 'source.surfaceStride'],
  ['address', 'an address that is not there', () => buffer(1, { address: 40 }), 'destination.address'],
  ['address', 'the network descriptor', () => buffer(1, { address: 0 }), 'destination.address'],
  ['field', 'an axis beyond four dimensions', () => softmax({ axis: 4 }), 'operation.axis'],
  ['field', 'an output that is divided by nothing', () => softmax({ outputScale: 0 }), 'operation.outputScale'],
  ['field', 'an input scale that is no number', () => softmax({ inputScale: Number.NaN }), 'operation.inputScale'],
  ['field', 'an infinite power', () => softmax({ type: 0, power: Number.POSITIVE_INFINITY }), 'operation.power'],
];

describe('the validator of tasks for the host emulator', () => {
  it('accepts what NVIDIA’s compiler makes', () => {
    expect(soft.tasks.map((task) => task.interface)).toEqual([1, 2]);
    expect(validateStockLoadable(soft, nvSmall)).toEqual([]);
    expect(validateStockLoadable(softmax({ type: 0, power: 0.5, scale: 2, shift: -1 }), nvSmall)).toEqual([]);
  });

  it.each<Violation>(emulatorViolations)('finds by the rule %s: %s', (rule, _, make, field) => {
    const found = validateStockLoadable(make(), nvSmall).filter((problem) => problem.rule === rule);
    expect(found.map((problem) => problem.task)).toContain(1);
    if (field !== undefined) expect(found.map((problem) => problem.field)).toContain(field);
  });

  it('knows atoms of another size as another target’s', () => {
    const found = validateStockLoadable(soft, nvFull).filter(({ rule }) => rule === 'emulator');
    expect(found.map(({ code, message }) => [code, message])).toEqual([
      ['loadable/target', 'nv_full has atoms of another size'],
      ['loadable/target', 'nv_full has atoms of another size'],
    ]);
  });
});

describe('the validator', () => {
  it('accepts the subject', () => {
    expect(validateStockLoadable(full, nvFull)).toEqual([]);
  });

  it.each<Violation>(violations)('finds by the rule %s: %s', (rule, _, make, field) => {
    const broken = make();
    const found = validateStockLoadable(broken, nvFull).filter((problem) => problem.rule === rule);
    expect(found.length, JSON.stringify(validateStockLoadable(broken, nvFull))).toBeGreaterThan(0);
    if (field !== undefined) expect(found.map((problem) => problem.field)).toContain(field);
    for (const { code } of found) expect(code).toMatch(/^loadable\/(corrupt|target)$/);
  });

  it('finds who waits for himself', () => {
    // The convolution waits for its SDP to be enabled, and the SDP for the convolution to be complete.
    const stuck = withOperation(full, 'conv', any, (o) => (o.common.consumers[2]!.event = 1));
    const rules = validateStockLoadable(stuck, nvFull).map(({ rule }) => rule);
    expect(rules).toEqual(['cycle']);
  });

  it('finds engines that a target lacks', () => {
    const found = validateStockLoadable(full, nvLarge);
    expect(found.filter(({ rule }) => rule === 'engine').map(({ message }) => message)).toEqual(
      expect.arrayContaining(['nv_large has no Rubik', 'nv_large has no bridge DMA']),
    );
    const bare = validateStockLoadable(full, nvSmall).filter(({ rule }) => rule === 'engine');
    expect(bare.map(({ message }) => message)).toContain('nv_small has no element-wise unit');
    expect([...found, ...bare].every(({ rule, code }) => rule !== 'engine' || code === 'loadable/target')).toBe(true);
  });

  it('has a test for every rule', () => {
    const tested = new Set<string>([...violations, ...emulatorViolations].map(([rule]) => rule));
    expect(Object.keys(loadableRules).filter((rule) => !tested.has(rule))).toEqual(['cycle', 'engine']);
  });

  it('says where a rule is broken', () => {
    const [found] = validateStockLoadable(
      conv((o) => (o.op.convStrideX = 9)),
      nvFull,
    );
    expect(found).toMatchObject({
      code: 'loadable/corrupt',
      rule: 'field',
      message: 'op.convStrideX is out of range',
      task: 0,
      field: 'op.convStrideX',
      expected: '1 to 8',
      actual: '9',
    });
    expect(found!.place.layer).toBe(`task 0, operation ${found!.operation} (conv)`);
  });

  it('refuses a target without descriptors', () => {
    expect(problemOf(() => statedTarget(full, 'orin')).code).toBe('device/unsupported');
  });

  it('ends with findings, whatever bytes change', () => {
    const files = ['nv_small_PDP_s3_001', 'nv_small_CONV_s3_002', 'nv_full_CDP_s3_051'].map(
      (name) => fixture(`ops/${name}/model_v12.nvdla`).bytes,
    );
    let sound = 0;
    let broken = 0;
    fc.assert(
      fc.property(mutantOf(files), (mutant) => {
        let loadable: StockLoadable;
        try {
          loadable = decodeStockLoadable(mutant);
        } catch (error) {
          if (error instanceof DlakitError) return;
          throw error;
        }
        if (validateStockLoadable(loadable, nvSmall).length > 0) broken++;
        else sound++;
      }),
      { numRuns: 1500 },
    );
    expect(Math.min(sound, broken)).toBeGreaterThan(50);
  });
});
