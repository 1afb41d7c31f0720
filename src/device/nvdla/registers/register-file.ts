/**
 * The state of the registers. An engine has two groups of configuration registers so that one layer can be set up while
 * another runs: writes go to the group that the *producer* pointer names, the hardware works on the group that the
 * *consumer* pointer names and moves that pointer on when it is done. A group is pending once it is enabled, running
 * when its turn has come, and idle again when the layer is complete; while it is enabled its registers cannot be written.
 *
 * Source: nvdla/doc "Programming guide", ping-pong synchronisation; nvdla/hw `*_dual_reg`, `*_single_reg`.
 */

import { fail } from '../../../base/errors.ts';
import { type BlockName, blockNames, type RegisterMap, type RegisterPlace, registerAt } from './register-map.ts';
import { maskOf, type Register, type RegisterField, type RegisterTable } from './register-table.ts';

export type Group = 0 | 1;

const other = (group: Group): Group => (group === 0 ? 1 : 0);

const idle = 0;
const running = 1;
const pending = 2;

/** Words of a block; every register of every block lies in the first 256 bytes. */
const words = 64;

/** Words that {@link RegisterFile.setup} may write. */
export const mostSetupWords = 1 + words * blockNames.length;

interface BlockState {
  readonly table: RegisterTable;
  /** Registers that exist once, then the two groups. */
  readonly single: Uint32Array;
  readonly groups: readonly [Uint32Array, Uint32Array];
  readonly views: readonly [RegisterView, RegisterView];
  readonly enabled: [boolean, boolean];
  producer: Group;
  consumer: Group;
}

function initialState(name: BlockName, table: RegisterTable): BlockState {
  const single = new Uint32Array(words);
  const groups = [new Uint32Array(words), new Uint32Array(words)] as const;
  const state: BlockState = {
    table,
    single,
    groups,
    views: [new GroupView(name, table, single, groups[0]), new GroupView(name, table, single, groups[1])],
    enabled: [false, false],
    producer: 0,
    consumer: 0,
  };
  for (const { offset, reset, dual } of table.byOffset.values()) {
    for (const bank of dual ? state.groups : [state.single]) bank[offset >> 2] = reset;
  }
  return state;
}

/** What a caller reads of one block: fields by name, from the registers that exist once or from one group. */
export interface RegisterView {
  /** An unsigned field. A name that the table lacks is a bug. */
  field(register: string, field: string): number;
  /** The same as two's complement. */
  signed(register: string, field: string): number;
  /** A register that has one field. */
  value(register: string): number;
}

export class RegisterFile {
  readonly map: RegisterMap;
  readonly #blocks: Readonly<Record<BlockName, BlockState>>;
  /** {@link #blocks} by index. */
  readonly #states: readonly BlockState[];

  constructor(map: RegisterMap) {
    this.map = map;
    this.#states = blockNames.map((name) => initialState(name, map.blocks[name].table));
    this.#blocks = Object.fromEntries(
      blockNames.map((name, index) => [name, this.#states[index]]),
    ) as unknown as Record<BlockName, BlockState>;
  }

  /** The register at a byte address. @throws device/fault */
  place(address: number): RegisterPlace {
    return (
      registerAt(this.map, address) ??
      fail('device/fault', 'there is no register at this address', {}, { actual: `0x${address.toString(16)}` })
    );
  }

  /** What a processor reads from the bus. */
  read({ block, register }: RegisterPlace): number {
    const state = this.#blocks[block.name];
    switch (register.name) {
      case 'S_STATUS':
        return this.#status(state, 0) | (this.#status(state, 1) << 16);
      case 'S_POINTER':
        return state.producer | (state.consumer << 16);
      case 'D_OP_ENABLE':
        return Number(state.enabled[state.producer]);
      default:
        return (this.#bank(state, register)[register.offset >> 2]! & register.readable) >>> 0;
    }
  }

  /** What a processor writes to the bus. Whoever owns the file reacts to `D_OP_ENABLE` and to registers with effects. */
  write({ block, register }: RegisterPlace, value: number): void {
    const state = this.#states[block.index]!;
    if (register.plain) {
      if (!state.enabled[state.producer]) change(state.groups[state.producer], register, value);
      return;
    }
    if (register.name === 'S_POINTER') {
      state.producer = (value & 1) as Group;
      return;
    }
    if (register.name === 'D_OP_ENABLE') {
      if (value & 1) state.enabled[state.producer] = true;
      return;
    }
    change(state.single, register, value);
  }

  /** Whether the group whose turn it is has been enabled. */
  ready(name: BlockName): boolean {
    const state = this.#blocks[name];
    return state.enabled[state.consumer];
  }

  consumer(name: BlockName): Group {
    return this.#blocks[name].consumer;
  }

  /** The layer in the consumer's group is complete: the group is idle and the other one's turn has come. */
  complete(name: BlockName): Group {
    const state = this.#blocks[name];
    const done = state.consumer;
    state.enabled[done] = false;
    state.consumer = other(done);
    return done;
  }

  /** The group that the hardware works on. */
  current(name: BlockName): RegisterView {
    const { views, consumer } = this.#blocks[name];
    return views[consumer];
  }

  /**
   * Copies the set of blocks and the configuration of their consumer groups. Two copies are equal exactly when blocks and
   * configurations are.
   * @returns the number of words written
   */
  setup(names: readonly BlockName[], to: Uint32Array): number {
    let length = 1;
    for (const name of names) {
      const { table, groups, consumer } = this.#blocks[name];
      const group = groups[consumer];
      for (const word of table.layerWords) to[length++] = group[word]!;
    }
    to[0] = blocksOf(names);
    return length;
  }

  /** Whether {@link setup} would copy exactly this. */
  isSetUp(names: readonly BlockName[], setup: Uint32Array): boolean {
    let length = 1;
    for (const name of names) {
      const { table, groups, consumer } = this.#blocks[name];
      const group = groups[consumer];
      for (const word of table.layerWords) if (setup[length++] !== group[word]) return false;
    }
    return length === setup.length && setup[0] === blocksOf(names);
  }

  /** Sets a counter or status register, read-only ones too, as the hardware does. */
  show(name: BlockName, register: string, value: number, group: Group = this.#blocks[name].consumer): void {
    const state = this.#blocks[name];
    const entry = state.table.byName.get(register);
    if (!entry) throw new Error(`${name} has no register ${register}`);
    (entry.dual ? state.groups[group] : state.single)[entry.offset >> 2] = value;
  }

  #bank(state: BlockState, register: Register): Uint32Array {
    return register.dual ? state.groups[state.producer] : state.single;
  }

  #status(state: BlockState, group: Group): number {
    if (!state.enabled[group]) return idle;
    return group === state.consumer ? running : pending;
  }
}

/** A bit mask of blocks. */
const blocksOf = (names: readonly BlockName[]): number =>
  names.reduce((bits, name) => bits | (1 << blockNames.indexOf(name)), 0);

function change(bank: Uint32Array, { offset, writable }: Register, value: number): void {
  const word = offset >> 2;
  bank[word] = (bank[word]! & ~writable) | (value & writable);
}

class GroupView implements RegisterView {
  readonly #name: BlockName;
  readonly #table: RegisterTable;
  readonly #single: Uint32Array;
  readonly #group: Uint32Array;

  constructor(name: BlockName, table: RegisterTable, single: Uint32Array, group: Uint32Array) {
    this.#name = name;
    this.#table = table;
    this.#single = single;
    this.#group = group;
  }

  field(registerName: string, fieldName: string): number {
    const register = this.#find(registerName);
    const field = this.#field(register, fieldName);
    return ((this.#word(register) & maskOf(field)) >>> field.low) >>> 0;
  }

  signed(registerName: string, fieldName: string): number {
    const { width } = this.#field(this.#find(registerName), fieldName);
    const shift = 32 - width;
    return (this.field(registerName, fieldName) << shift) >> shift;
  }

  /** Aligned addresses and strides keep their low zeros: the whole word is the value. */
  value(registerName: string): number {
    return this.#word(this.#find(registerName));
  }

  #word({ dual, offset }: Register): number {
    return (dual ? this.#group : this.#single)[offset >> 2]!;
  }

  #find(name: string): Register {
    const register = this.#table.byName.get(name);
    if (!register) throw new Error(`${this.#name} has no register ${name}`);
    return register;
  }

  #field({ name, fields }: Register, fieldName: string): RegisterField {
    const field = fields.get(fieldName);
    if (!field) throw new Error(`${this.#name}.${name} has no field ${fieldName}`);
    return field;
  }
}
