/**
 * The state of the registers. An engine has two groups of configuration registers so that one layer can be set up while
 * another runs: writes go to the group that the *producer* pointer names, the hardware works on the group that the
 * *consumer* pointer names and moves that pointer on when it is done. A group is pending once it is enabled, running
 * when its turn has come, and idle again when the layer is complete; while it is enabled its registers cannot be written.
 *
 * Source: nvdla/doc "Programming guide", ping-pong synchronisation; nvdla/hw `*_dual_reg`, `*_single_reg`.
 */

import { fail } from '../../graph/errors.ts';
import { type BlockName, blockNames, type RegisterMap, type RegisterPlace, registerAt } from './register-map.ts';
import { maskOf, type Register, type RegisterTable } from './register-table.ts';

export type Group = 0 | 1;

const other = (group: Group): Group => (group === 0 ? 1 : 0);

const idle = 0;
const running = 1;
const pending = 2;

/** Words of a block; every register of every block lies in the first 256 bytes. */
const words = 64;

/** Halves of the words of a few blocks. */
const codes = new Uint16Array(2 * words * blockNames.length);

interface BlockState {
  readonly table: RegisterTable;
  /** Registers that exist once, then the two groups. */
  readonly single: Uint32Array;
  readonly groups: readonly [Uint32Array, Uint32Array];
  readonly enabled: [boolean, boolean];
  producer: Group;
  consumer: Group;
}

function initialState(table: RegisterTable): BlockState {
  const state: BlockState = {
    table,
    single: new Uint32Array(words),
    groups: [new Uint32Array(words), new Uint32Array(words)],
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

  constructor(map: RegisterMap) {
    this.map = map;
    this.#blocks = Object.fromEntries(
      blockNames.map((name) => [name, initialState(map.blocks[name].table)]),
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
    const state = this.#blocks[block.name];
    if (register.name === 'S_POINTER') {
      state.producer = (value & 1) as Group;
      return;
    }
    if (register.name === 'D_OP_ENABLE') {
      if (value & 1) state.enabled[state.producer] = true;
      return;
    }
    if (register.dual && state.enabled[state.producer]) return;
    const bank = this.#bank(state, register);
    const word = register.offset >> 2;
    bank[word] = (bank[word]! & ~register.writable) | (value & register.writable);
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
    const state = this.#blocks[name];
    return view(name, state, state.groups[state.consumer]);
  }

  /** A text that is the same exactly when the groups that the hardware works on in these blocks are set up the same. */
  setup(names: readonly BlockName[]): string {
    let length = 0;
    for (const name of names) {
      const { table, groups, consumer } = this.#blocks[name];
      for (const word of table.layerWords) {
        const value = groups[consumer][word]!;
        codes[length++] = value & 0xffff;
        codes[length++] = value >>> 16;
      }
    }
    return `${names.join()} ${String.fromCharCode(...codes.subarray(0, length))}`;
  }

  /** Sets what the hardware shows: a counter or a status, read-only or not. */
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

function view(name: BlockName, { table, single }: BlockState, group: Uint32Array): RegisterView {
  const word = (register: Register): number => (register.dual ? group : single)[register.offset >> 2]!;
  const find = (registerName: string): Register => {
    const register = table.byName.get(registerName);
    if (!register) throw new Error(`${name} has no register ${registerName}`);
    return register;
  };
  const field = (registerName: string, fieldName: string): number => {
    const register = find(registerName);
    const entry = register.fields.get(fieldName);
    if (!entry) throw new Error(`${name}.${registerName} has no field ${fieldName}`);
    return ((word(register) & maskOf(entry)) >>> entry.low) >>> 0;
  };
  return {
    field,
    signed(registerName, fieldName) {
      const { width } = find(registerName).fields.get(fieldName)!;
      const shift = 32 - width;
      return (field(registerName, fieldName) << shift) >> shift;
    },
    // Aligned addresses and strides keep their low zeros: the whole word is the value.
    value: (registerName) => word(find(registerName)),
  };
}
