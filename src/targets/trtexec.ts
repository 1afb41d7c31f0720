/**
 * What `trtexec` understands in each release, as far as builds for a DLA need it (docs/hardware/dla-software.md#trtexec). A board
 * folder writes nothing that is not in this list.
 */

import { atLeast } from './releases.ts';
import type { Release } from './target.ts';

type Version = Release['tensorrt'];

export interface TrtexecOption {
  readonly name: `--${string}`;
  /** The values that it takes; absent for a flag without one. */
  readonly value?: RegExp;
  /** The first TensorRT that has it in this form; as old as what is known here when absent. */
  readonly since?: Version;
  /** The first TensorRT that no longer has it. */
  readonly until?: Version;
  readonly source: string;
}

const samples = {
  v86: 'TensorRT 8.6.1, samples/common/sampleOptions.cpp',
  v11: 'TensorRT 11.0, samples/common/sampleOptions.cpp, compared with 10.16',
} as const;

const file = /^.+$/;
const types = 'fp32|fp16|int32|int8';
const formats = 'chw|chw2|chw4|hwc8|chw16|chw32|dhwc8|cdhw32|hwc|dla_linear|dla_hwc4';
const typed = new RegExp(`^(?:${types}):(?:${formats})(?:,(?:${types}):(?:${formats}))*$`);
const untyped = new RegExp(`^(?:${formats})(?:,(?:${formats}))*$`);
const pool = '(?:workspace|dlaSRAM|dlaLocalDRAM|dlaGlobalDRAM):\\d+(?:\\.\\d+)?';

const trtexecOptions: readonly TrtexecOption[] = [
  { name: '--onnx', value: file, source: samples.v86 },
  { name: '--saveEngine', value: file, source: samples.v86 },
  { name: '--loadEngine', value: file, source: samples.v86 },
  { name: '--useDLACore', value: /^\d+$/, source: samples.v86 },
  { name: '--allowGPUFallback', source: samples.v86 },
  {
    name: '--buildDLAStandalone',
    since: [8, 6, 0],
    source: `${samples.v86}; for 8.5 NVIDIA's cuDLA samples bring a patch of trtexec`,
  },
  { name: '--memPoolSize', value: new RegExp(`^${pool}(?:,${pool})*$`), source: samples.v86 },
  { name: '--sparsity', value: /^(?:disable|enable|force)$/, source: samples.v86 },
  { name: '--inputIOFormats', value: typed, until: [11, 0, 0], source: samples.v86 },
  { name: '--outputIOFormats', value: typed, until: [11, 0, 0], source: samples.v86 },
  { name: '--inputIOFormats', value: untyped, since: [11, 0, 0], source: samples.v11 },
  { name: '--outputIOFormats', value: untyped, since: [11, 0, 0], source: samples.v11 },
  { name: '--int8', until: [11, 0, 0], source: samples.v11 },
  { name: '--fp16', until: [11, 0, 0], source: samples.v11 },
  { name: '--calib', value: file, until: [11, 0, 0], source: samples.v11 },
  { name: '--precisionConstraints', value: /^(?:none|prefer|obey)$/, until: [11, 0, 0], source: samples.v11 },
  { name: '--layerPrecisions', value: /^.+:(?:fp32|fp16|int8)$/, until: [11, 0, 0], source: samples.v11 },
  { name: '--profilingVerbosity', value: /^(?:layer_names_only|detailed|none)$/, source: samples.v86 },
  { name: '--exportProfile', value: file, source: samples.v86 },
  { name: '--exportLayerInfo', value: file, source: samples.v86 },
  { name: '--separateProfileRun', source: samples.v86 },
];

/** The options that the trtexec of a release has, by name. */
export const trtexecOf = ({ tensorrt }: Pick<Release, 'tensorrt'>): ReadonlyMap<string, TrtexecOption> =>
  new Map(
    trtexecOptions
      .filter(
        ({ since, until }) =>
          (since === undefined || atLeast(tensorrt, since)) && (until === undefined || !atLeast(tensorrt, until)),
      )
      .map((option) => [option.name, option]),
  );
