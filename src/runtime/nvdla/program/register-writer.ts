/** Register writes by name, the way the firmware makes them: a register's fields put together into one word. */

import type { NvdlaDevice } from '../../../device/nvdla/nvdla-device.ts';
import { addressOf, type BlockName } from '../../../device/nvdla/registers/register-map.ts';
import { maskOf } from '../../../device/nvdla/registers/register-table.ts';
import type { DataCube, LutParam } from '../../../loadable/nvdla/format/descriptors.ts';
import { memoryCodes, ramTypeCodes } from '../../../program/nvdla/codes.ts';

/** Writes a whole register, or its fields; fields that are not named are 0. Values are cut to the width of their field. */
export type WriteRegister = (
  block: BlockName,
  register: string,
  value: number | Readonly<Record<string, number>>,
) => void;

/** @param onWrite told of every write before it is made */
export function registerWriter(device: NvdlaDevice, onWrite?: (address: number, word: number) => void): WriteRegister {
  return (blockName, registerName, value) => {
    const block = device.registers.map.blocks[blockName];
    const register = block.table.byName.get(registerName);
    if (!register) throw new Error(`${blockName} has no register ${registerName}`);
    let word = 0;
    if (typeof value === 'number') word = value;
    else {
      for (const [name, part] of Object.entries(value)) {
        const field = register.fields.get(name);
        if (!field) throw new Error(`${blockName}.${registerName} has no field ${name}`);
        word |= (part << field.low) & maskOf(field);
      }
    }
    const address = addressOf({ block, register });
    onWrite?.(address, word >>> 0);
    device.write(address, word >>> 0);
  };
}

/** Where a register lies that every block of that name has. */
export function registerAddress({ registers }: NvdlaDevice, blockName: BlockName, registerName: string): number {
  const block = registers.map.blocks[blockName];
  const register = block.table.byName.get(registerName);
  if (!register) throw new Error(`${blockName} has no register ${registerName}`);
  return addressOf({ block, register });
}

/** The two halves of a 64-bit address. */
export function writeAddress(
  write: WriteRegister,
  block: BlockName,
  registers: { readonly low: string; readonly high: string },
  address: bigint,
): void {
  write(block, registers.low, Number(address & 0xffffffffn));
  write(block, registers.high, Number((address >> 32n) & 0xffffffffn));
}

/** What programming needs to know besides the descriptor. */
export interface ProgramContext {
  readonly write: WriteRegister;
  /** Where a cube lies. @throws loadable/corrupt, device/fault */
  readonly address: (cube: Pick<DataCube, 'address' | 'offset'>) => bigint;
  readonly atomBytes: number;
  /** @throws loadable/corrupt */
  readonly lut: (index: number) => LutParam;
}

/** Whether a cube is handed on in hardware. */
export const isFlying = ({ type }: Pick<DataCube, 'type'>): boolean => type === memoryCodes.numbers.hardware;

/** The RAM_TYPE of a memory. */
export const ramTypeOf = (memory: number): number =>
  ramTypeCodes.numbers[memory === memoryCodes.numbers.secondary ? 'secondary' : 'primary'];

export const ramType = ({ type }: Pick<DataCube, 'type'>): number => ramTypeOf(type);
