/**
 * Where each block's registers lie. A block takes 4 KiB of the configuration space; nv_full (`v1`) and the
 * configurations that came after it (`v2`) have the same registers at the same offsets, but place the blocks
 * differently (nvdla/sw `opendla_initial.h`, `opendla_small.h`).
 */

import { cdpRdmaRegisters, cdpRegisters } from './cdp.ts';
import { caccRegisters, cdmaRegisters, cmacRegisters, cscRegisters } from './convolution.ts';
import { bdmaRegisters, glbRegisters, memoryInterfaceRegisters, rbkRegisters } from './memory.ts';
import { pdpRdmaRegisters, pdpRegisters } from './pdp.ts';
import { type Generation, type Register, type RegisterTable, registerTable } from './register-table.ts';
import { sdpRdmaRegisters, sdpRegisters } from './sdp.ts';

const blockBytes = 4096;

const blockTexts = {
  GLB: { text: glbRegisters, v1: 0x0000, v2: 0x1000 },
  MCIF: { text: memoryInterfaceRegisters, v1: 0x2000, v2: 0x2000 },
  CVIF: { text: memoryInterfaceRegisters, v1: 0x3000, v2: 0xf000 },
  BDMA: { text: bdmaRegisters, v1: 0x4000, v2: 0x10000 },
  CDMA: { text: cdmaRegisters, v1: 0x5000, v2: 0x3000 },
  CSC: { text: cscRegisters, v1: 0x6000, v2: 0x4000 },
  CMAC_A: { text: cmacRegisters, v1: 0x7000, v2: 0x5000 },
  CMAC_B: { text: cmacRegisters, v1: 0x8000, v2: 0x6000 },
  CACC: { text: caccRegisters, v1: 0x9000, v2: 0x7000 },
  SDP_RDMA: { text: sdpRdmaRegisters, v1: 0xa000, v2: 0x8000 },
  SDP: { text: sdpRegisters, v1: 0xb000, v2: 0x9000 },
  PDP_RDMA: { text: pdpRdmaRegisters, v1: 0xc000, v2: 0xa000 },
  PDP: { text: pdpRegisters, v1: 0xd000, v2: 0xb000 },
  CDP_RDMA: { text: cdpRdmaRegisters, v1: 0xe000, v2: 0xc000 },
  CDP: { text: cdpRegisters, v1: 0xf000, v2: 0xd000 },
  RBK: { text: rbkRegisters, v1: 0x10000, v2: 0x11000 },
} as const;

export type BlockName = keyof typeof blockTexts;

export const blockNames = Object.keys(blockTexts) as readonly BlockName[];

interface RegisterBlock {
  readonly name: BlockName;
  /** Among {@link blockNames}. */
  readonly index: number;
  /** Byte address in the configuration space. */
  readonly base: number;
  readonly table: RegisterTable;
}

export interface RegisterMap {
  readonly generation: Generation;
  readonly blocks: Readonly<Record<BlockName, RegisterBlock>>;
  /** By the index of the word in the configuration space. */
  readonly places: readonly (RegisterPlace | undefined)[];
}

export interface RegisterPlace {
  readonly block: RegisterBlock;
  readonly register: Register;
}

const maps: Partial<Record<Generation, RegisterMap>> = {};

export function registerMap(generation: Generation): RegisterMap {
  maps[generation] ??= readMap(generation);
  return maps[generation];
}

function readMap(generation: Generation): RegisterMap {
  const blocks = Object.fromEntries(
    blockNames.map((name, index) => {
      const { text, [generation]: base } = blockTexts[name];
      return [name, { name, index, base, table: registerTable(text, generation) }];
    }),
  ) as unknown as Record<BlockName, RegisterBlock>;
  const end = Math.max(...Object.values(blocks).map(({ base }) => base)) + blockBytes;
  const places = new Array<RegisterPlace | undefined>(end / 4).fill(undefined);
  for (const block of Object.values(blocks)) {
    for (const register of block.table.byOffset.values())
      places[(block.base + register.offset) / 4] = { block, register };
  }
  return { generation, blocks, places };
}

/** The register at a byte address. */
export const registerAt = (map: RegisterMap, address: number): RegisterPlace | undefined => map.places[address / 4];

/** The register called `NVDLA_SDP.D_CVT_SCALE_0`, as traces write it. */
export function registerNamed(map: RegisterMap, name: string): RegisterPlace | undefined {
  const match = /^NVDLA_(\w+)\.(\w+)_0$/.exec(name);
  const block = match && Object.hasOwn(map.blocks, match[1]!) ? map.blocks[match[1] as BlockName] : undefined;
  const register = block?.table.byName.get(match![2]!);
  return block && register && { block, register };
}

export const addressOf = ({ block, register }: RegisterPlace): number => block.base + register.offset;
