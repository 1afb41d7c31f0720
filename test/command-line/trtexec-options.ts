/**
 * What the trtexec of each TensorRT takes, written down from docs/hardware/dla-software.md#trtexec for the tests, apart from the list that
 * the board folder is written by (src/targets/trtexec.ts). It has flags that dlakit never writes too.
 */

type Version = readonly [major: number, minor: number];

interface Option {
  readonly flag: string;
  /** Whether a value may stand behind `=`; absent for a flag without one. */
  readonly takes?: (value: string, version: Version) => boolean;
  readonly from?: Version;
  /** The first that no longer has it. */
  readonly gone?: Version;
}

const before = (a: Version, b: Version): boolean => a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);
const file = (value: string): boolean => value !== '';
const oneOf =
  (...words: readonly string[]) =>
  (value: string): boolean =>
    words.includes(value);
const listOf = (item: (value: string) => boolean) => (value: string) => value.split(',').every(item);

const formats = ['chw', 'chw2', 'chw4', 'hwc8', 'chw16', 'chw32', 'dhwc8', 'cdhw32', 'hwc', 'dla_linear', 'dla_hwc4'];
const types = ['fp32', 'fp16', 'int32', 'int8'];

/** `type:format` up to 10.x, the format alone from 11 on. */
function ioFormats(value: string, version: Version): boolean {
  const known = before(version, [10, 10]) ? formats : [...formats, 'hwc16'];
  return value.split(',').every((entry) => {
    const words = entry.split(':');
    if (!before(version, [11, 0])) return words.length === 1 && known.includes(entry);
    return words.length === 2 && types.includes(words[0]!) && known.includes(words[1]!);
  });
}

const pools = listOf((entry) => {
  const [pool = '', size = '', ...more] = entry.split(':');
  const known = ['workspace', 'dlaSRAM', 'dlaLocalDRAM', 'dlaGlobalDRAM'].includes(pool);
  return known && more.length === 0 && /^\d+(\.\d+)?$/.test(size) && Number(size) > 0;
});

const layers = listOf((entry) => {
  const at = entry.lastIndexOf(':');
  return at > 0 && types.includes(entry.slice(at + 1));
});

const implicit = { gone: [11, 0] } as const;

const options: readonly Option[] = [
  { flag: '--onnx', takes: file },
  { flag: '--saveEngine', takes: file },
  { flag: '--loadEngine', takes: file },
  { flag: '--useDLACore', takes: oneOf('0', '1') },
  { flag: '--allowGPUFallback' },
  { flag: '--buildDLAStandalone', from: [8, 6] },
  { flag: '--memPoolSize', takes: pools },
  { flag: '--sparsity', takes: oneOf('disable', 'enable', 'force') },
  { flag: '--inputIOFormats', takes: ioFormats },
  { flag: '--outputIOFormats', takes: ioFormats },
  { flag: '--int8', ...implicit },
  { flag: '--fp16', ...implicit },
  { flag: '--best', ...implicit },
  { flag: '--calib', takes: file, ...implicit },
  { flag: '--precisionConstraints', takes: oneOf('none', 'prefer', 'obey'), ...implicit },
  { flag: '--layerPrecisions', takes: layers, ...implicit },
  { flag: '--layerOutputTypes', takes: layers, ...implicit },
  { flag: '--layerDeviceTypes', takes: listOf((entry) => /^.+:(DLA|GPU)$/.test(entry)) },
  { flag: '--profilingVerbosity', takes: oneOf('layer_names_only', 'detailed', 'none') },
  { flag: '--exportProfile', takes: file },
  { flag: '--exportLayerInfo', takes: file },
  { flag: '--exportTimes', takes: file },
  { flag: '--separateProfileRun' },
  { flag: '--uint8AsymmetricQuantizationDLA', from: [10, 11] },
  { flag: '--reportCapabilityDLA', from: [10, 16] },
  { flag: '--adjustForDLA', from: [10, 16] },
];

/** The TensorRT that each release brings. */
const tensorrt: Readonly<Record<string, Version>> = {
  'JetPack 5.1.1': [8, 5],
  'JetPack 6.0': [8, 6],
  'JetPack 6.1': [10, 3],
  'JetPack 6.2': [10, 3],
  'JetPack 7.2.2': [11, 4],
  'DRIVE OS 6.0.6.0': [8, 5],
  'DRIVE OS 6.0.7.0': [8, 6],
  'DRIVE OS 6.0.8.0': [8, 6],
  'DRIVE OS 6.0.8.1': [8, 6],
  'DRIVE OS 6.0.9.0': [8, 6],
  'DRIVE OS 6.0.9.1': [8, 6],
};

export const releaseNames: readonly string[] = Object.keys(tensorrt);

/** Whether a release wants the precision of a network in its types, and takes no calibration. */
export const isTyped = (release: string): boolean => !before(tensorrt[release]!, [11, 0]);

/** Whether a release builds loadables that run without TensorRT. */
export const buildsLoadables = (release: string): boolean => knows(release, '--buildDLAStandalone', true);

/** Whether the trtexec of a release takes a flag with a value, `true` where it has none. */
export function knows(release: string, flag: string, value: string | true): boolean {
  const version = tensorrt[release];
  const option = options.find((one) => one.flag === flag);
  if (version === undefined || option === undefined) return false;
  if (option.from && before(version, option.from)) return false;
  if (option.gone && !before(version, option.gone)) return false;
  return value === true ? option.takes === undefined : option.takes?.(value, version) === true;
}
