/**
 * Plays a `.cfg` program as the verification suite's own player does (nvdla/hw verif/testbench/trace_player): each block
 * works through its own writes, all blocks at once, in whatever order chance has it; interrupts are served as they come,
 * each against the next that the trace names of its engine; checks are made when their sync is told of. Chance comes from a
 * seed.
 */

import { Random } from '../../src/base/random.ts';
import { Bus } from '../../src/device/bus.ts';
import { interruptBits, NvdlaDevice } from '../../src/device/nvdla/nvdla-device.ts';
import { parseMemoryImage } from '../../src/device/nvdla/trace/memory-image.ts';
import { crc32 } from '../../src/device/nvdla/trace/trace-memory.ts';
import type { TraceCommand } from '../../src/device/nvdla/trace/trace-program.ts';
import type { ImmediateEngines } from '../../src/device/state.ts';
import type { NvdlaTarget } from '../../src/targets/target.ts';

interface Play {
  readonly target: NvdlaTarget;
  readonly images: ReadonlyMap<string, string>;
  readonly engines: (bus: Bus) => Promise<ImmediateEngines>;
  readonly seed: number;
}

/** @returns how many checks were made @throws Error where the player would stop */
export async function playSideBySide(trace: readonly TraceCommand[], play: Play): Promise<number> {
  const bus = new Bus();
  const engines = await play.engines(bus);
  const device = new NvdlaDevice({ target: play.target, bus, engines, pace: 'stepped' });
  const random = new Random(play.seed);
  const queues = new Map<string, TraceCommand[]>();
  const expected = new Map<string, { readonly group: number; readonly sync: string }[]>();
  const checks: Extract<TraceCommand, { kind: 'check_crc' }>[] = [];
  const told = new Set<string>();
  let made = 0;
  const queue = <T>(map: Map<string, T[]>, name: string, item: T): void => {
    const known = map.get(name);
    if (known) known.push(item);
    else map.set(name, [item]);
  };
  for (const command of trace) {
    switch (command.kind) {
      case 'mem_init':
        bus.map(command.address, command.size);
        break;
      case 'mem_load':
        for (const { offset, bytes } of parseMemoryImage(play.images.get(command.file)!, command.file)) {
          bus.write(command.address + BigInt(offset), bytes);
        }
        break;
      case 'reg_write':
      case 'poll_reg_equal':
        queue(queues, command.register.split('.')[0]!, command);
        break;
      case 'sync_notify':
      case 'sync_wait':
        queue(queues, command.block, command);
        break;
      case 'intr_notify': {
        const [, engine, group] = /^(\w+)_([01])$/.exec(command.interrupt)!;
        queue(expected, engine!, { group: Number(group), sync: command.sync });
        break;
      }
      case 'check_crc':
        checks.push(command);
        break;
      case 'check_nothing':
        break;
    }
  }

  const tell = (sync: string): void => {
    if (told.has(sync)) throw new Error(`${sync} is told of twice`);
    told.add(sync);
    for (const { address, size, crc, sync: own, line } of checks) {
      if (own !== sync) continue;
      if (crc32(bus.read(address, size)) !== crc) throw new Error(`line ${line}: memory has another checksum`);
      made++;
    }
  };
  const serve = (): void => {
    const pending = device.interrupts;
    for (const [engine, first] of Object.entries(interruptBits)) {
      for (const group of [0, 1]) {
        if (!(pending & (1 << (first + group)))) continue;
        // Of two that wait at once the other may be first.
        const waiting = expected.get(engine) ?? [];
        const at = waiting.slice(0, 2).findIndex((each) => each.group === group);
        if (at < 0) throw new Error(`nobody expects ${engine}_${group} now`);
        tell(waiting.splice(at, 1)[0]!.sync);
      }
    }
    device.write(device.addressOf('NVDLA_GLB.S_INTR_STATUS_0')!, pending);
  };
  /** Whether the next command of a block can go on. */
  const canGoOn = (command: TraceCommand): boolean => {
    if (command.kind === 'sync_wait') return told.has(command.sync);
    if (command.kind === 'poll_reg_equal') return device.read(device.addressOf(command.register)!) === command.value;
    return true;
  };
  const goOn = (commands: TraceCommand[]): void => {
    const command = commands.shift()!;
    if (command.kind === 'reg_write') device.write(device.addressOf(command.register)!, command.value);
    if (command.kind === 'sync_notify') tell(command.sync);
  };
  for (;;) {
    if (device.interruptLine && random.next() < 0.5) serve();
    const ready = [...queues.values()].filter((commands) => commands.length > 0 && canGoOn(commands[0]!));
    if (ready.length > 0 && random.next() < 0.9) goOn(ready[Math.floor(random.next() * ready.length)]!);
    else if (!device.advance() && ready.length === 0 && !device.interruptLine) break;
  }
  engines.close();
  const left = [...queues].filter(([, commands]) => commands.length > 0).map(([name]) => name);
  if (left.length > 0) throw new Error(`${left.join(', ')} wait for ever`);
  if (made !== checks.length) throw new Error(`${checks.length - made} checks were never made`);
  return made;
}
