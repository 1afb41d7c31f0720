/**
 * The runs of trtexec that build the engine and measure it, flag by flag with the reason of each. Only what the release's trtexec
 * knows (targets/trtexec.ts) is written.
 */

import { precisionName } from '../../../base/data-type.ts';
import { fail } from '../../../base/errors.ts';
import type { Plan } from '../../../program/program.ts';
import { promotedOperators } from '../../../support/rules.ts';
import { isPoolSize, poolNames, type Release } from '../../../targets/target.ts';
import { trtexecOf } from '../../../targets/trtexec.ts';
import type { Compilation } from '../../compilation.ts';
import type { BoardBinding } from './bindings.ts';

/** The DLA cores that an engine is built for. */
export type DlaCores = 0 | 1 | 'both';

export interface BoardFlag {
  readonly name: string;
  readonly value?: string;
  /** Why the flag is there, for people. */
  readonly reason: string;
}

/** One run of trtexec. */
export interface BoardCommand {
  readonly purpose: string;
  /** Whether it runs beside the next one. */
  readonly aside: boolean;
  readonly flags: readonly BoardFlag[];
}

export interface CommandSources {
  readonly compilation: Compilation;
  /** The stem of the files. */
  readonly name: string;
  readonly bindings: readonly BoardBinding[];
  /** Names of the nodes of the board's network. */
  readonly nodes: ReadonlySet<string>;
  readonly cores: DlaCores;
  readonly standalone: boolean;
  /** Whether nodes of the board's network run on the GPU. */
  readonly fallback: boolean;
}

export function boardCommands(sources: CommandSources): readonly BoardCommand[] {
  const { compilation, name, cores, standalone } = sources;
  const { release } = compilation.options;
  const write = writerFor(release);
  const common = buildFlags(sources);
  if (standalone) {
    const build = [
      { name: '--onnx', value: `${name}.onnx`, reason: 'the prepared network' },
      { name: '--saveEngine', value: `${name}.loadable.bin`, reason: 'the loadable, for cuDLA' },
      { name: '--useDLACore', value: `${cores}`, reason: 'builds for the DLA; cuDLA chooses the core that runs it' },
      { name: '--buildDLAStandalone', reason: 'a loadable that runs without TensorRT; trtexec does not run it' },
    ];
    return [{ purpose: 'Build the loadable.', aside: false, flags: write([...build, ...common]) }];
  }
  const each = cores === 'both' ? [0, 1] : [cores];
  const stem = (core: number) => (cores === 'both' ? `${name}.dla${core}` : name);
  const built = each.map((core): BoardCommand => {
    const build = [
      { name: '--onnx', value: `${name}.onnx`, reason: 'the prepared network' },
      { name: '--saveEngine', value: `${stem(core)}.engine`, reason: 'the engine' },
      { name: '--useDLACore', value: `${core}`, reason: 'puts every layer that can on this DLA core' },
    ];
    const flags = write([...build, ...common, ...measuring(stem(core))]);
    return { purpose: `Build for DLA core ${core}, and measure.`, aside: false, flags };
  });
  if (cores !== 'both') return built;
  const together = each.map((core, index): BoardCommand => {
    const run = [
      { name: '--loadEngine', value: `${stem(core)}.engine`, reason: 'what was built above' },
      { name: '--useDLACore', value: `${core}`, reason: 'the core that it was built for' },
    ];
    const purpose =
      index === 0
        ? 'Measure both cores at a time: they share the memory, and together their throughput counts.'
        : 'The other core.';
    return { purpose, aside: index === 0, flags: write(run) };
  });
  return [...built, ...together];
}

/** Flags of every build, whatever it is for. */
function buildFlags(sources: CommandSources): readonly BoardFlag[] {
  const { compilation, bindings, fallback } = sources;
  const { options, network } = compilation;
  const flags = [...precisionFlags(sources)];
  flags.push({ name: '--memPoolSize', ...memoryPools(options, network.plan) });
  if (options.sparsity === 'enable') {
    const reason = 'runs the convolutions whose weights are 2:4 sparse in sparse mode';
    flags.push({ name: '--sparsity', value: 'enable', reason });
  }
  if (fallback) {
    flags.push({ name: '--allowGPUFallback', reason: 'some nodes cannot run on the DLA; without it the build fails' });
  }
  const isTyped = trtexecOf(options.release).get('--inputIOFormats')?.value?.test('int8:chw32') === true;
  for (const [side, flag] of [
    ['input', '--inputIOFormats'],
    ['output', '--outputIOFormats'],
  ] as const) {
    const bound = bindings.filter((binding) => binding.side === side);
    const value = bound.map(({ type, format }) => (isTyped ? `${type}:${format}` : format)).join(',');
    flags.push({ name: flag, value, reason: formatReason(bound) });
  }
  return flags;
}

/** None where the types of the network say its precision. */
function precisionFlags({ compilation, name, bindings, nodes }: CommandSources): readonly BoardFlag[] {
  const { precision, release } = compilation.options;
  if (!trtexecOf(release).has('--int8')) return [];
  if (precision === 'float16') return [{ name: '--fp16', reason: 'the precision that the network was prepared for' }];
  const half = halfPrecision(compilation, bindings);
  const reason = 'the ranges of the tensors; without it trtexec sets dummy ranges';
  return [
    { name: '--int8', reason: 'the precision that the network was prepared for' },
    ...(half.length > 0
      ? [{ name: '--fp16', reason: `${half.join(', ')} in FP16, also in an INT8 network` } as const]
      : []),
    ...layerFlags(compilation, nodes),
    { name: '--calib', value: `${name}.cache`, reason },
  ];
}

const measuring = (stem: string): readonly BoardFlag[] => [
  { name: '--profilingVerbosity', value: 'detailed', reason: 'keeps what the layer information says' },
  { name: '--exportLayerInfo', value: `${stem}.layers.json`, reason: 'what each layer of the engine is' },
  { name: '--exportProfile', value: `${stem}.profile.json`, reason: 'the time of each layer' },
  {
    name: '--separateProfileRun',
    reason: 'profiles in a run of its own, so that the total time is not that of a profiled run',
  },
];

/** Takes flags that the release's trtexec has; any other is a mistake of ours. */
function writerFor(release: Release): (flags: readonly BoardFlag[]) => readonly BoardFlag[] {
  const known = trtexecOf(release);
  return (flags) => {
    for (const { name, value } of flags) {
      const option = known.get(name);
      const fits =
        option !== undefined && (value === undefined ? option.value === undefined : option.value?.test(value));
      if (!fits)
        throw new Error(`the trtexec of ${release.name} has no ${name}${value === undefined ? '' : `=${value}`}`);
    }
    return flags;
  };
}

/** What an INT8 network has in FP16 on the DLA: operators, nodes that touch a tensor without a scale, and such bindings. */
function halfPrecision(
  { checked, coverage, precisions }: Compilation,
  bindings: readonly BoardBinding[],
): readonly string[] {
  const used = checked.verdicts.filter(({ placement, op }) => placement === 'dla' && promotedOperators.has(op));
  const bound = bindings.filter(({ type }) => type === 'fp16');
  const asked = [...precisions].flatMap(([node, precision]) => (precision === 'float16' ? [node] : []));
  const nodes = new Set([...coverage.half.keys(), ...asked]);
  return [...[...new Set(used.map(({ op }) => op))].sort(), ...nodes, ...bound.map(({ name }) => name)];
}

/**
 * Layers whose precision was asked for, as far as the board's network has them.
 * @throws compile/unsupported for a name that trtexec would read as several
 */
function layerFlags({ precisions }: Compilation, nodes: ReadonlySet<string>): readonly BoardFlag[] {
  const asked = [...precisions].filter(([node]) => nodes.has(node));
  if (asked.length === 0) return [];
  const [broken] = asked.find(([node]) => node.includes(',')) ?? [];
  if (broken !== undefined) {
    fail('compile/unsupported', 'trtexec has no way to name a layer with a comma in --layerPrecisions', {
      node: broken,
    });
  }
  const value = asked.map(([node, precision]) => `${node}:${precisionName(precision)}`).join(',');
  return [
    { name: '--precisionConstraints', value: 'obey', reason: 'holds TensorRT to the precisions of layers' },
    { name: '--layerPrecisions', value, reason: 'the layers whose precision was asked for' },
  ];
}

function formatReason(bindings: readonly BoardBinding[]): string {
  const ofGpu = bindings.filter(({ format }) => format === 'chw').map(({ name }) => name);
  if (ofGpu.length === 0) return 'the layouts of the DLA, so that nothing is reformatted';
  const packed = `${ofGpu.join(', ')} as ${ofGpu.length === 1 ? 'a packed tensor, which' : 'packed tensors, which'} the GPU touches`;
  return ofGpu.length === bindings.length ? packed : `${packed}; the others in the layouts of the DLA`;
}

/**
 * The pools in MiB, as trtexec takes them: managed SRAM, and those of the others that are not TensorRT's own.
 * @throws compile/memory
 */
function memoryPools(options: Compilation['options'], plan: Plan): Omit<BoardFlag, 'name'> {
  const { target, pools = {} } = options;
  const sram = options.sram ?? target.sram.defaultPool.value;
  if (!isPoolSize(sram)) {
    const detail = { expected: 'a power of two of bytes, at least 4096', actual: sram };
    fail('compile/memory', 'TensorRT takes no pool of managed SRAM of that size', {}, detail);
  }
  const others = (['localDram', 'globalDram'] as const).filter((pool) => pools[pool] !== undefined);
  const sizes = [
    `dlaSRAM:${sram / mebibyte}`,
    ...others.map((pool) => `${poolNames[pool]}:${pools[pool]! / mebibyte}`),
  ];
  const told = [`MiB; dlaSRAM is for tensors between layers in SRAM${sramAdvice(options, plan, sram)}`];
  if (pools.localDram !== undefined) told.push('dlaLocalDRAM is for tensors between layers in DRAM');
  if (pools.globalDram !== undefined) told.push('dlaGlobalDRAM is for weights');
  return { value: sizes.join(','), reason: told.join('; ') };
}

/** Several loadables share what a core of Orin has: they may take up to twice the pool (docs/hardware/orin.md#memory-pools). */
function sramAdvice({ target }: Compilation['options'], plan: Plan, sram: number): string {
  if (target.generation !== 'orin') return '';
  const loadables = plan.segments.filter(({ kind }) => kind === 'dla').length;
  const capacity = target.sram.capacity.value;
  if (loadables > 1 && 2 * sram > capacity) {
    return `, of which ${loadables} loadables may take twice as much, more than the ${capacity / mebibyte} of a core: if the build fails, give 0.5`;
  }
  return " (TensorRT's default on Orin is 0.5, a network of one DLA segment may take 1)";
}

const mebibyte = 2 ** 20;
