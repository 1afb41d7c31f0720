/**
 * The second-generation DLA of Jetson Orin and DRIVE Orin.
 *
 * Its registers and much of its geometry are not public. What is known: the multiply-accumulate rate follows from the
 * published TOPS (8192 per cycle and core), the convolution buffer from the test that TensorRT publishes for its layer
 * restrictions, the SRAM from the developer guide. The split of 8192 into 64 channels × 64 kernels × 2 pixels is a fit
 * to NVIDIA's published throughputs; other splits fit worse.
 *
 * Clocks come from NVIDIA's nvpmodel files. Where a file leaves a clock uncapped, or none was found for a module, the
 * Fact says how the number was reached. Only AGX Orin 64GB was held against published measurements.
 */

import { bytes, gigabytesPerSecond, megahertz } from '../base/units.ts';
import { dlaRounding, orinReleases } from './releases.ts';
import type { Fact, JetsonTarget, Module, PowerMode } from './target.ts';

const NVPMODEL = 'nvpmodel files of Jetson Orin (LineageOS/android_device_nvidia_concord @ 54e49538)';
const README_TOPS =
  'sparse TOPS in NVIDIA/Deep-Learning-Accelerator-SW README @ ea61780: 2 cores × 8192 MAC × 2 × 2 × clock';

type Clock = Fact<PowerMode['dlaClock']['value']>;

const documented = (mhz: number, source: string): Clock => ({ value: megahertz(mhz), status: 'documented', source });
const derived = (mhz: number, source: string): Clock => ({ value: megahertz(mhz), status: 'derived', source });
const assumed = (mhz: number, source: string): Clock => ({ value: megahertz(mhz), status: 'assumed', source });

const capped = (mhz: number): Clock => documented(mhz, NVPMODEL);

/** Memory at full rate: LPDDR5 at 3200 MHz, two transfers per clock. */
const emcFull: Clock = derived(3200, 'uncapped in the nvpmodel file; LPDDR5 at 6400 MT/s');
const emcCapped: Clock = capped(2133);

/** 256-bit memory: 32 bytes × 2 transfers per clock. */
const wideFull: PowerMode['dramBandwidth'] = {
  value: gigabytesPerSecond(204.8),
  status: 'documented',
  source: 'product data, 256-bit LPDDR5 at 6400 MT/s',
};
const wideCapped: PowerMode['dramBandwidth'] = {
  value: gigabytesPerSecond(136.5),
  status: 'derived',
  source: '32 bytes × 2 × the 2133 MHz cap of the memory clock',
};
/** 128-bit memory: 16 bytes × 2 transfers per clock. */
const narrowFull: PowerMode['dramBandwidth'] = {
  value: gigabytesPerSecond(102.4),
  status: 'documented',
  source: 'product data, 128-bit LPDDR5 at 6400 MT/s',
};
const narrowCapped: PowerMode['dramBandwidth'] = {
  value: gigabytesPerSecond(68.3),
  status: 'derived',
  source: '16 bytes × 2 × the 2133 MHz cap of the memory clock',
};

const wide = (name: string, dlaClock: Clock, memory: 'full' | 'capped' = 'full'): PowerMode => ({
  name,
  dlaClock,
  emcClock: memory === 'full' ? emcFull : emcCapped,
  dramBandwidth: memory === 'full' ? wideFull : wideCapped,
});
const narrow = (
  name: string,
  dlaClock: Clock,
  memory: 'full' | 'capped' = 'full',
  secondDlaClock?: Clock,
): PowerMode => ({
  name,
  dlaClock,
  ...(secondDlaClock && { secondDlaClock }),
  emcClock: memory === 'full' ? emcFull : emcCapped,
  dramBandwidth: memory === 'full' ? narrowFull : narrowCapped,
});

const modules: readonly Module[] = [
  {
    id: 'agx-orin-64gb',
    title: 'Jetson AGX Orin 64GB',
    dlaCores: 2,
    validated: true,
    powerModes: [
      wide('MAXN', derived(1600, `${README_TOPS}; 105 TOPS. MLPerf's Orin configurations name 1600 MHz too`)),
      wide('50W', derived(1408, `${README_TOPS}; 92 TOPS. The developer kit's nvpmodel file says 1369.6 MHz`)),
      wide('30W', derived(1369.6, `${README_TOPS}; 90 TOPS. The developer kit's nvpmodel file agrees`)),
      wide('15W', derived(614.4, `${README_TOPS}; 40 TOPS. The developer kit's nvpmodel file agrees`), 'capped'),
    ],
  },
  {
    id: 'agx-orin-devkit',
    title: 'Jetson AGX Orin Developer Kit (p3701-0000)',
    dlaCores: 2,
    validated: false,
    powerModes: [
      wide('MAXN', assumed(1600, 'uncapped in the nvpmodel file; taken from AGX Orin 64GB')),
      wide('50W', capped(1369.6)),
      wide('30W', capped(1369.6)),
      wide('15W', capped(614.4), 'capped'),
    ],
  },
  {
    id: 'agx-orin-32gb',
    title: 'Jetson AGX Orin 32GB',
    dlaCores: 2,
    validated: false,
    powerModes: [
      wide(
        'MAXN',
        assumed(1408, "uncapped in the nvpmodel file and no maximum found; the DLA step below 64GB's 1600 MHz"),
      ),
      wide('40W', capped(1228.8)),
      wide('30W', capped(1369.6)),
      wide('15W', capped(614.4), 'capped'),
    ],
  },
  {
    id: 'orin-nx-16gb',
    title: 'Jetson Orin NX 16GB',
    dlaCores: 2,
    validated: false,
    powerModes: [
      narrow('MAXN', derived(614.4, 'uncapped in the nvpmodel file; the highest DLA clock of its other modes')),
      narrow('25W', capped(614.4)),
      narrow('15W', capped(614.4)),
      narrow('10W', capped(153.6), 'capped', capped(115)),
    ],
  },
  {
    id: 'orin-nx-16gb-super',
    title: 'Jetson Orin NX 16GB, super configuration (JetPack 6.2)',
    dlaCores: 2,
    validated: false,
    powerModes: [
      narrow('MAXN_SUPER', assumed(1228.8, 'uncapped in the nvpmodel file and no maximum found; a known DLA step')),
      narrow('40W', capped(908.8)),
      narrow('25W', assumed(614.4, "the file's 15W values"), 'full', assumed(115, "the file's 15W values")),
      narrow('15W', capped(614.4), 'full', capped(115)),
    ],
  },
  {
    id: 'orin-nx-8gb',
    title: 'Jetson Orin NX 8GB',
    dlaCores: 1,
    validated: false,
    powerModes: [narrow('20W', capped(614.4)), narrow('15W', capped(614.4)), narrow('10W', capped(153.6), 'capped')],
  },
];

export const orin: JetsonTarget = {
  name: 'orin',
  title: 'NVIDIA DLA 2 (Orin)',
  generation: 'orin',
  imagePitch: bytes(64),
  rounding: dlaRounding,
  // 8192 INT8 MAC per cycle and core is derived from the README's TOPS; the split is fitted to its throughputs.
  atomic: { c: 64, k: 64, pixels: 2 },
  convolutionPipes: {
    value: 2,
    status: 'documented',
    source: 'samples/cuDLA/cuDLALayerwiseStatsHybrid/README.md of NVIDIA/Deep-Learning-Accelerator-SW @ ea61780',
  },
  // TensorRT's kCHW32: 32 INT8 channels of a pixel side by side.
  memoryAtom: bytes(32),
  // From the published convolution buffer test: 16 banks of 256 entries × 128 bytes. Orin's physical size is not public.
  cbuf: { banks: 16, entryBytes: bytes(128), entriesPerBank: 256 },
  sram: {
    capacity: {
      value: bytes(1024 * 1024),
      status: 'documented',
      source: 'TensorRT developer guide 10.x, DLA memory pools: 1 MiB per core on Orin',
    },
    defaultPool: {
      value: bytes(512 * 1024),
      status: 'documented',
      source: "TensorRT developer guide 10.x, DLA memory pools: 0.5 MiB on Orin (the header's comment says 1 MiB)",
    },
  },
  modules,
  releases: orinReleases,
};
