/**
 * The descriptors of tasks for the host emulator, which does in software what the hardware cannot: softmax and powers.
 * Beside descriptors of the hardware before interface 0.12 they are older: operations have no scales and buffers no
 * offset. Source: nvdla/sw `emu_interface.h`; the older layout read from the regression's loadable.
 */

import { type Codec, type Decoded, i16, record, u8, u16, u32 } from './layout.ts';

const f32: Codec<number> = {
  size: 4,
  read: (view, at) => view.getFloat32(at, true),
  write: (view, at, value) => view.setFloat32(at, value, true),
};

export const emulatorNetwork = record({ operationIndex: i16, bufferIndex: i16, numOperations: u16 });
export type EmulatorNetwork = Decoded<typeof emulatorNetwork>;

export const emulatorOperations = { power: 0, softmax: 1 } as const;

export interface EmulatorOperation {
  readonly type: number;
  readonly inputScale: number;
  readonly outputScale: number;
  /** Powers only. */
  readonly power: number;
  readonly scale: number;
  readonly shift: number;
  /** Softmax only; it lies where a power does. */
  readonly axis: number;
}

export interface EmulatorBuffer {
  /** Position in the task's address list. */
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly format: number;
  readonly width: number;
  readonly height: number;
  readonly channel: number;
  readonly lineStride: number;
  readonly surfaceStride: number;
}

/** How one version lays out its lists. */
export interface EmulatorLayout {
  readonly operation: Codec<EmulatorOperation>;
  readonly operationPitch: number;
  readonly buffer: Codec<EmulatorBuffer>;
  /** What the numbers of formats mean; what is not here the emulator does not take. */
  readonly formats: Readonly<Record<number, { readonly type: 'int8' | 'float16'; readonly atomBytes: number }>>;
}

/** A source and a destination. */
export const bufferPitch = 256;

const current = record({
  type: u8,
  reserved0: u8,
  reserved1: u16,
  inputScale: f32,
  outputScale: f32,
  power: f32,
  scale: f32,
  shift: f32,
});
const older = record({ type: u8, power: f32, scale: f32, shift: f32 });

const bufferEnd = {
  size: u32,
  format: u16,
  width: u16,
  height: u16,
  channel: u16,
  lineStride: u32,
  surfaceStride: u32,
} as const;
const olderBuffer = record({ address: i16, ...bufferEnd });

export const emulatorLayouts: Readonly<Record<'current' | 'older', EmulatorLayout>> = {
  current: {
    operation: {
      ...current,
      read: (view, at) => ({ ...current.read(view, at), axis: view.getUint8(at + 12) }),
      write: (view, at, value) => {
        current.write(view, at, { ...value, reserved0: 0, reserved1: 0 });
        if (value.type === emulatorOperations.softmax) view.setUint8(at + 12, value.axis);
      },
    },
    operationPitch: 24,
    buffer: record({ address: i16, offset: u32, ...bufferEnd }),
    formats: {
      0: { type: 'int8', atomBytes: 32 },
      1: { type: 'int8', atomBytes: 8 },
      3: { type: 'float16', atomBytes: 32 },
    },
  },
  older: {
    operation: {
      ...older,
      read: (view, at) => ({ ...older.read(view, at), axis: view.getUint8(at + 1), inputScale: 1, outputScale: 1 }),
      write: (view, at, value) => {
        older.write(view, at, value);
        if (value.type === emulatorOperations.softmax) view.setUint8(at + 1, value.axis);
      },
    },
    operationPitch: 16,
    buffer: { ...olderBuffer, read: (view, at) => ({ ...olderBuffer.read(view, at), offset: 0 }) },
    formats: { 0: { type: 'int8', atomBytes: 32 }, 2: { type: 'float16', atomBytes: 32 } },
  },
};
