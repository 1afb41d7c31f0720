/** Estimates as terminal tables: one line per power mode, one line per hardware layer. */

import type { Estimate, LayerEstimate } from '../estimate/estimate-result.ts';
import { promotedKinds } from '../estimate/orin/promotion.ts';
import { boundShares } from '../estimate/orin/roofline.ts';
import { lanesTitle } from '../estimate/timeline.ts';
import {
  formatBytes,
  formatMacs,
  formatRate,
  formatTime,
  grouped,
  heading,
  paint,
  percent,
  printable,
  shorten,
  type TextOptions,
  table,
} from './table.ts';

/** The estimates of one network in several power modes, a line for each. */
export function estimateText(estimates: readonly Estimate[], options: TextOptions = {}): string {
  const first = estimates[0];
  if (!first) return '';
  if (first.layers.length === 0) return `Estimate: nothing of ${printable(first.network)} runs on the DLA`;
  const rows = estimates.map((estimate) => {
    const bounds = boundShares(estimate);
    return [
      estimate.powerMode,
      estimate.dlaClock.toFixed(1),
      estimate.dramBandwidth.toFixed(1),
      formatRate(estimate.imagesPerSecond),
      paint(estimate.evidence.class, estimate.evidence.class === 'never seen' ? 'yellow' : 'green', options),
      formatTime(estimate.latency),
      percent(estimate.utilisation),
      `${percent(bounds.compute.share, 0)} / ${percent(bounds.memory.share, 0)} / ${percent(bounds.overhead.share, 0)}`,
      formatBytes(Math.round(estimate.dramBytesPerImage)),
    ];
  });
  const title = `Estimate: ${first.module}, ${first.cores} DLA core${first.cores === 1 ? '' : 's'}, batch ${first.batch}`;
  return [
    heading(title, options),
    table(
      [
        { title: 'mode' },
        { title: 'DLA MHz', align: 'right' },
        { title: 'DRAM GB/s', align: 'right' },
        { title: 'images/s', align: 'right' },
        { title: 'evidence' },
        { title: 'latency', align: 'right' },
        { title: 'utilisation', align: 'right' },
        { title: 'bound by compute / memory / overhead', align: 'right' },
        { title: 'DRAM per image', align: 'right' },
      ],
      rows,
      options,
    ),
    ...estimates.flatMap(stripeLines),
    ...overlapLines(estimates),
    ...evidenceLines(estimates),
    ...asBuiltLines(estimates),
    ...promotedLines(estimates),
    ...notesOf(estimates).map((note) => paint(note, 'dim', options)),
  ].join('\n');
}

/** What engines that run side by side save on orin and xavier, where they save something. */
function overlapLines(estimates: readonly Estimate[]): readonly string[] {
  const saved = estimates.flatMap(({ schedule, latency }) => (schedule ? [1 - latency / schedule.sequential] : []));
  if (!saved.some((share) => share >= 0.0005)) return [];
  const [least, most] = [Math.min(...saved), Math.max(...saved)].map((share) => percent(share));
  return [`Engines side by side save ${least === most ? most : `${least} to ${most}`} of one launch after the other`];
}

/** What each class of evidence says of the error. */
function evidenceLines(estimates: readonly Estimate[]): readonly string[] {
  const errors = new Map(estimates.map(({ evidence }) => [evidence.class, evidence.error]));
  return [...errors].map(([name, error]) => `Evidence, ${name}: error ${error}`);
}

/** What an engine spends around the DLA, in each mode. */
function asBuiltLines(estimates: readonly Estimate[]): readonly string[] {
  return estimates.flatMap(({ powerMode, asBuilt }) => {
    if (asBuilt === undefined || asBuilt.parts.length === 0) return [];
    const parts = asBuilt.parts.map(({ what, time }) => `${printable(what)} ${formatTime(time)}`);
    return [`Around the DLA in ${powerMode}, ${formatTime(asBuilt.time)} of the latency: ${parts.join('; ')}`];
  });
}

/** What launches in FP16 and of gates take, which the board needs besides, in each mode. */
function promotedLines(estimates: readonly Estimate[]): readonly string[] {
  return estimates.flatMap(({ powerMode, layers }) => {
    const text = promotedText(layers);
    return text === '' ? [] : [`Launches besides in ${powerMode}: ${text}`];
  });
}

/** `24 × Mul 0.60 ms, 1 × Sigmoid in FP16 0.39 ms`; empty where there are none. */
export const promotedText = (layers: Estimate['layers']): string =>
  promotedKinds(layers)
    .map(({ what, count, time }) => `${count} × ${what} ${formatTime(time)}`)
    .join(', ');

/** What is to be said of the estimates of one network, each once. */
export const notesOf = (estimates: readonly Estimate[]): readonly string[] => [
  ...new Set(estimates.flatMap(({ notes }) => notes)),
];

/** The lines of an estimate of the open NVDLA, in cycles. */
function stripeLines({ stripe, batch }: Estimate): readonly string[] {
  if (stripe === undefined) return [];
  const { scheduled, sequential, sheet } = stripe;
  const image = batch > 1 ? ' an image' : '';
  return [
    `${grouped(scheduled)} cycles${image} as scheduled, ${grouped(sequential)} with one launch after the other; ` +
      `NVIDIA's spreadsheet has ${grouped(sheet)} for the same convolutions`,
  ];
}

/** Every launch on an open NVDLA: where its cycles go, and why. */
function launchesText(estimate: Estimate, options: TextOptions): string {
  const number = layerNumbers(estimate);
  const rows = estimate.layers.map((layer) => {
    const { name, kind, macs, utilisation, bound, stripe } = layer;
    const { engines, reads, written, launch, fill, drain, start, end, limit, reasons } = stripe!;
    const busy = (wanted: string): string => {
      const found = engines.find(({ engine }) => engine === wanted);
      return found === undefined ? '' : grouped(found.busy);
    };
    return [
      number(layer),
      shorten(printable(name), 32),
      kind,
      busy('conv'),
      busy('sdp'),
      busy('pdp') || busy('cdp'),
      formatBytes(reads.reduce((sum, { size }) => sum + size, 0)),
      formatBytes(written),
      grouped(launch + fill + drain),
      grouped(start),
      grouped(end),
      macs > 0 ? percent(utilisation) : '',
      paint(limit, bound === 'compute' ? 'green' : 'yellow', options),
      reasons.join('; '),
    ];
  });
  const right = (title: string) => ({ title, align: 'right' as const });
  return table(
    [
      right('#'),
      { title: 'launch' },
      { title: 'engines' },
      right('conv'),
      right('SDP'),
      right('PDP, CDP'),
      right('read'),
      right('written'),
      right('overhead'),
      right('start'),
      right('end'),
      right('utilisation'),
      { title: 'bound' },
      { title: 'why' },
    ],
    rows,
    options,
  );
}

/** What a layer is, and how many launches the board needs besides: `conv + 4`. */
export const enginesText = ({ kind, promoted = [] }: LayerEstimate): string =>
  promoted.length === 0 ? kind : `${kind} + ${promoted.length}`;

/** How layers are counted: from 0, in a network of several segments with that of the segment before it, `2.0`. */
export function layerNumbers({ layers }: Estimate): (layer: LayerEstimate) => string {
  const several = new Set(layers.map(({ segment }) => segment)).size > 1;
  return ({ segment, layer }) => (several ? `${segment}.${layer}` : String(layer));
}

/** Every hardware layer of one estimate. */
export function layersText(estimate: Estimate, options: TextOptions = {}): string {
  if (estimate.stripe) return launchesText(estimate, options);
  const number = layerNumbers(estimate);
  const rows = estimate.layers.map((layer) => [
    number(layer),
    shorten(printable(layer.name), 44),
    enginesText(layer),
    layer.macs > 0 ? formatMacs(layer.macs) : '',
    formatTime(layer.compute),
    formatTime(layer.memory),
    formatTime(layer.overhead),
    formatTime(layer.total),
    lanesTitle(layer.placed!),
    formatTime(layer.placed!.start),
    formatTime(layer.placed!.end),
    paint(layer.bound, layer.bound === 'compute' ? 'green' : 'yellow', options),
    layer.macs > 0 ? percent(layer.utilisation) : '',
  ]);
  return table(
    [
      { title: '#', align: 'right' },
      { title: 'layer' },
      { title: 'engines' },
      { title: 'MACs', align: 'right' },
      { title: 'compute', align: 'right' },
      { title: 'memory', align: 'right' },
      { title: 'overhead', align: 'right' },
      { title: 'total', align: 'right' },
      { title: 'lanes' },
      { title: 'start', align: 'right' },
      { title: 'end', align: 'right' },
      { title: 'bound' },
      { title: 'utilisation', align: 'right' },
    ],
    rows,
    options,
  );
}
