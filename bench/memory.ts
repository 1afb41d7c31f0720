/**
 * The emulator alone in a process of its own: reads a loadable, runs it once, prints its peak resident memory as JSON.
 * Whoever compiled the loadable is another process, so that the compiler's memory is not counted.
 *
 *     tsx bench/memory.ts LOADABLE
 */

import { existsSync, readFileSync } from 'node:fs';
import { createWasmEngines } from '../src/device/engines/wasm/engines.ts';
import { float32Tensor } from '../src/graph/tensor.ts';
import { decodeLoadable } from '../src/loadable/container.ts';
import { openDevice } from '../src/runtime/device.ts';
import { loadNetwork } from '../src/runtime/network.ts';

const file = process.argv[2]!;
const before = peakMemory();
const network = decodeLoadable(readFileSync(file), { file });
const device = await openDevice({
  target: network.plan.target,
  engines: (bus) => createWasmEngines(bus, { threads: 1 }),
});
const session = await loadNetwork(device, network);
const input = network.plan.tensors.find((tensor) => tensor.name === network.plan.inputs[0])!;
const size = input.shape.reduce((a, b) => a * b, 1);
await session.run({ [input.name]: float32Tensor(input.shape, new Float32Array(size)) });
const peak = peakMemory();
process.stdout.write(JSON.stringify({ before, peak, device: device.bus.memory.buffer.byteLength }));
await session.close();
device.close();

/** Bytes. The kernel's figure for this program; resourceUsage starts with that of the process that started it. */
function peakMemory(): number {
  const status = existsSync('/proc/self/status') ? readFileSync('/proc/self/status', 'utf8') : '';
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return (kibibytes === undefined ? process.resourceUsage().maxRSS : Number(kibibytes)) * 1024;
}
