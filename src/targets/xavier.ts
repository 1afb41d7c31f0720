/**
 * The first-generation DLA of Jetson Xavier. Its geometry is that of the open NVDLA's nv_full (nvdla/sw
 * `TargetConfig.cpp`: 64 channels × 32 kernels, 16 CBUF banks × 256 entries × 128 bytes, 32-byte memory atom). Nothing
 * here was held against measurements.
 */

import { bytes, gigabytesPerSecond, megahertz } from '../base/units.ts';
import { dlaRounding, xavierReleases } from './releases.ts';
import type { JetsonTarget, PowerMode } from './target.ts';

const NVPMODEL = 'nvpmodel files of Jetson Xavier (LineageOS/android_device_nvidia_galen @ 63c86ece)';

const mode =
  (busBytes: number, width: PowerMode['dramBandwidth']['status']) =>
  (name: string, dla: number, emc: number, dlaNote?: string): PowerMode => ({
    name,
    dlaClock:
      dlaNote === undefined
        ? { value: megahertz(dla), status: 'documented', source: NVPMODEL }
        : { value: megahertz(dla), status: 'derived', source: dlaNote },
    emcClock: { value: megahertz(emc), status: 'documented', source: NVPMODEL },
    dramBandwidth: {
      value: gigabytesPerSecond(Math.round((busBytes * 2 * emc) / 100) / 10),
      status: width,
      source: `${busBytes * 8}-bit LPDDR4x: ${busBytes} bytes × 2 × the memory clock`,
    },
  });

const agx = mode(32, 'derived');
/** The bus width of Xavier NX is product knowledge that no source at hand states. */
const nx = mode(16, 'assumed');

export const xavier: JetsonTarget = {
  name: 'xavier',
  title: 'NVIDIA DLA 1 (Xavier)',
  generation: 'xavier',
  imagePitch: bytes(32),
  rounding: dlaRounding,
  // nvdla/sw umd/core/src/compiler/TargetConfig.cpp @ 79538ba, the configuration of 2048 INT8 MAC.
  atomic: { c: 64, k: 32, pixels: 1 },
  convolutionPipes: { value: 1, status: 'assumed', source: 'one convolution core, SDP and PDP, as in nv_full' },
  memoryAtom: bytes(32),
  cbuf: { banks: 16, entryBytes: bytes(128), entriesPerBank: 256 },
  sram: {
    capacity: {
      value: bytes(4 * 1024 * 1024),
      status: 'documented',
      source: 'TensorRT developer guide 10.x, DLA memory pools: 4 MiB, shared by two DLAs and two PVAs',
    },
    defaultPool: {
      value: bytes(1024 * 1024),
      status: 'documented',
      source: 'TensorRT developer guide 10.x, DLA memory pools: 1 MiB on Xavier',
    },
  },
  modules: [
    {
      id: 'agx-xavier',
      title: 'Jetson AGX Xavier',
      dlaCores: 2,
      validated: false,
      powerModes: [
        agx('MAXN', 1395.2, 2133, 'uncapped in the nvpmodel file; NVIDIA-AI-IOT/jetson_benchmarks sets 1395.2 MHz'),
        agx('30W_ALL', 1050, 1600),
        agx('30W_6CORE', 1050, 1600),
        agx('30W_4CORE', 1050, 1600),
        agx('30W_2CORE', 1050, 1600),
        agx('15W', 750, 1331.2),
        agx('15W_DESKTOP', 115.2, 1331.2),
        agx('10W', 550, 1065.6),
      ],
    },
    {
      id: 'xavier-nx',
      title: 'Jetson Xavier NX',
      dlaCores: 2,
      validated: false,
      powerModes: [nx('20W', 1100.8, 1866), nx('15W', 1100.8, 1600), nx('10W', 896, 1600)],
    },
  ],
  releases: xavierReleases,
};
