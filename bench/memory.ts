/**
 * The emulator alone in a process of its own: reads a ResNet-50 loadable, runs it once, prints its peak resident memory
 * as JSON. The loadable is compiled by another process, so that the compiler's memory is not counted.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createWasmEngines } from '../src/device/kernels/engines.ts';
import { float32Tensor } from '../src/graph/tensor.ts';
import { decodeLoadable, encodeLoadable } from '../src/loadable/container.ts';
import { openDevice } from '../src/runtime/device.ts';
import { loadNetwork } from '../src/runtime/network.ts';

const [mode, file] = process.argv.slice(2);
if (mode === 'compile' && file !== undefined) {
  const { compile, prepare } = await import('../src/index.ts');
  const { resnet50 } = await import('../src/models/resnet.ts');
  writeFileSync(file, encodeLoadable(compile(prepare(resnet50({ batch: 1, seed: 1 })), { sram: 1 }).network));
} else {
  const folder = mkdtempSync(join(tmpdir(), 'dlakit-'));
  try {
    const loadable = join(folder, 'resnet50.dla');
    const self = fileURLToPath(import.meta.url);
    const child = spawnSync(process.execPath, ['--import', 'tsx', self, 'compile', loadable], { encoding: 'utf8' });
    if (child.status !== 0) throw new Error(child.stderr);
    const before = peakMemory();
    const network = decodeLoadable(readFileSync(loadable), { file: loadable });
    const device = await openDevice({ target: 'orin', engines: (bus) => createWasmEngines(bus, { threads: 1 }) });
    const session = await loadNetwork(device, network);
    const input = network.plan.tensors.find((tensor) => tensor.name === network.plan.inputs[0])!;
    const size = input.shape.reduce((a, b) => a * b, 1);
    await session.run({ [input.name]: float32Tensor(input.shape, new Float32Array(size)) });
    const peak = peakMemory();
    process.stdout.write(JSON.stringify({ before, peak, device: device.bus.memory.buffer.byteLength }));
    await session.close();
    await device.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Bytes. The kernel's figure for this program; resourceUsage starts with that of the process that started it. */
function peakMemory(): number {
  const status = existsSync('/proc/self/status') ? readFileSync('/proc/self/status', 'utf8') : '';
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return (kibibytes === undefined ? process.resourceUsage().maxRSS : Number(kibibytes)) * 1024;
}
