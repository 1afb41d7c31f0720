// Speed of the WebAssembly kernels on every layer of ResNet-50, one line each: time and GMAC/s of the best of several
// runs, then the whole network. `node bench/kernels.mjs [batch] [threads] [filter]`; needs `npm run build:kernels`.

import { rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const [batch = 1, threads = 1] = process.argv.slice(2, 4).map(Number);
const filter = process.argv[4] ?? '';

const bundle = path.join(os.tmpdir(), `dlakit-kernels-${process.pid}.mjs`);
await build({
  stdin: {
    contents: `
      export { Bus } from './src/device/bus.ts';
      export { createWasmEngines } from './src/device/engines/wasm/engines.ts';
      export { constantCube, featureCube, fillFeature, vectorCube } from './src/device/testing/cubes.ts';
      export { nodeThreads } from './src/host/node/index.ts';`,
    resolveDir: new URL('..', import.meta.url).pathname,
    loader: 'ts',
  },
  ...{ bundle: true, platform: 'node', format: 'esm', outfile: bundle, logLevel: 'error' },
});
const { Bus, createWasmEngines, constantCube, featureCube, fillFeature, vectorCube, nodeThreads } = await import(
  pathToFileURL(bundle)
);
await rm(bundle);

const conv = (count, channels, kernels, size, kernel = 1, stride = 1, more = {}) => ({
  ...{ kind: 'conv', count, channels, kernels, size, kernel, stride, ...more },
});
const add = { add: true };
const layers = [
  conv(1, 3, 64, 224, 7, 2, { format: 'dla_hwc4' }),
  { kind: 'pool', count: 1, channels: 64, size: 112, kernel: 3, stride: 2, padding: 1, mode: 'max' },
  ...[
    conv(1, 64, 64, 56),
    conv(2, 256, 64, 56),
    conv(3, 64, 64, 56, 3),
    conv(1, 64, 256, 56),
    conv(3, 64, 256, 56, 1, 1, add),
  ],
  ...[conv(1, 256, 128, 56), conv(1, 128, 128, 56, 3, 2), conv(1, 256, 512, 56, 1, 2)],
  ...[conv(3, 512, 128, 28), conv(3, 128, 128, 28, 3), conv(4, 128, 512, 28, 1, 1, add)],
  ...[conv(1, 512, 256, 28), conv(1, 256, 256, 28, 3, 2), conv(1, 512, 1024, 28, 1, 2)],
  ...[conv(5, 1024, 256, 14), conv(5, 256, 256, 14, 3), conv(6, 256, 1024, 14, 1, 1, add)],
  ...[conv(1, 1024, 512, 14), conv(1, 512, 512, 14, 3, 2), conv(1, 1024, 2048, 14, 1, 2)],
  ...[conv(2, 2048, 512, 7), conv(2, 512, 512, 7, 3), conv(3, 512, 2048, 7, 1, 1, add)],
  { kind: 'pool', count: 1, channels: 2048, size: 7, kernel: 7, stride: 1, padding: 0, mode: 'average' },
  conv(1, 2048, 1000, 1),
  // Not of ResNet-50: MobileNet's depthwise layers.
  ...[conv(0, 32, 32, 112, 3, 1, { groups: 32 }), conv(0, 512, 512, 14, 3, 1, { groups: 512 })],
];

const square = (n) => ({ h: n, w: n });
let seed = 1;
const noise = (length, make) => {
  const data = make(length);
  for (let i = 0; i < length; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    data[i] = seed >> 24;
  }
  return data;
};
const feature = (bus, shape, format = 'chw32') =>
  fillFeature(
    bus,
    featureCube(bus, shape, format),
    noise(
      shape.reduce((a, b) => a * b),
      (n) => new Int8Array(n),
    ),
  );

function pipelineOf(bus, layer) {
  const { kind, channels, size, kernel, stride } = layer;
  const padding = layer.padding ?? (kernel - 1) >> 1;
  const out = Math.floor((size + 2 * padding - kernel) / stride) + 1;
  const sides = { top: padding, left: padding, bottom: padding, right: padding };
  const input = feature(bus, [batch, channels, size, size], layer.format);
  if (kind === 'pool') {
    const output = featureCube(bus, [batch, channels, out, out]);
    const pdp = {
      input,
      mode: layer.mode,
      kernel: square(kernel),
      stride: square(stride),
      padding: sides,
      countPadding: true,
    };
    return { kind: 'pdp', pdp: { ...pdp, output } };
  }
  const { kernels, groups = 1 } = layer;
  const shape = [batch, kernels, out, out];
  const weightShape = [kernels, channels / groups, kernel, kernel];
  return {
    kind: 'conv',
    conv: {
      ...{
        input,
        kernel: square(kernel),
        stride: square(stride),
        dilation: square(1),
        padding: sides,
        padValue: 0,
        groups,
      },
      weights: constantCube(
        bus,
        weightShape,
        noise(
          weightShape.reduce((a, b) => a * b),
          (n) => new Int8Array(n),
        ),
      ),
      bias: vectorCube(
        bus,
        noise(kernels, (n) => new Int32Array(n)),
      ),
      ...{ transposed: false, output: { channels: kernels, height: out, width: out }, sparse: false, truncate: 0 },
    },
    sdp: {
      arithmetic: 'float-scale',
      scale: vectorCube(bus, new Float32Array(kernels).fill(1e-4)),
      ...(layer.add && { operand: { op: 'add', input: feature(bus, shape), scale: 0.5 } }),
      ...{ low: 0, high: 127, output: featureCube(bus, shape) },
    },
  };
}

const bus = new Bus({ shared: threads > 1 });
const engines = await createWasmEngines(bus, { threads, spawn: nodeThreads });
const state = { engines };
const work = layers
  .map((layer) => ({ layer, pipeline: pipelineOf(bus, layer), best: Number.POSITIVE_INFINITY, macs: 0 }))
  .filter(({ layer }) => JSON.stringify(layer).includes(filter));
for (let round = 0; round < 12; round++) {
  for (const item of work) {
    const start = performance.now();
    const { counters } = engines.run(item.pipeline, bus, state);
    item.best = Math.min(item.best, performance.now() - start);
    item.macs = counters.macs;
  }
}
engines.close();

for (const { layer, best, macs } of work) {
  const { kind, count, channels, kernels = '', size, kernel, stride } = layer;
  const name = `${kind} ${kernel}x${kernel}/${stride} ${channels}→${kernels} @${size}${layer.add ? ' +add' : ''}`;
  const speed = macs ? `${(macs / best / 1e6).toFixed(1).padStart(6)} GMAC/s` : '';
  console.log(`${name.padEnd(36)} ×${count} ${best.toFixed(3).padStart(8)} ms ${speed}`);
}
const sum = (of) => work.reduce((total, item) => total + item.layer.count * of(item), 0);
const [time, macs] = [sum(({ best }) => best), sum((item) => item.macs)];
console.log(
  `ResNet-50, batch ${batch}, ${threads} thread(s): ${time.toFixed(1)} ms, ${(macs / time / 1e6).toFixed(1)} GMAC/s`,
);
