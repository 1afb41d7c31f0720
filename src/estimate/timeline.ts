/**
 * An estimate of orin or xavier laid out in time, for trace viewers and reports: a track for each lane of an engine, one task
 * after the other on one core, with what an engine spends around them.
 */

import { type Microseconds, microseconds } from '../base/units.ts';
import type { Estimate, LayerEstimate, PlacedLayer, PlacedPart } from './estimate-result.ts';
import { orinEngines } from './orin/engines.ts';

interface LayerSpan {
  readonly kind: 'layer';
  readonly name: string;
  readonly segment: number;
  /** Indices in the timeline's tracks. */
  readonly tracks: readonly number[];
  readonly start: Microseconds;
  readonly end: Microseconds;
  readonly layer: LayerEstimate;
}

/** The cost of a task beside its layers. It is drawn first, since where it really falls is not known. */
interface TaskSpan {
  readonly kind: 'task';
  readonly name: string;
  readonly segment: number;
  readonly start: Microseconds;
  readonly end: Microseconds;
}

/** What lies around a task: handing it over, a reformat, nodes on the GPU. */
interface PartSpan {
  readonly kind: 'part';
  readonly name: string;
  readonly segment: number;
  readonly start: Microseconds;
  readonly end: Microseconds;
  readonly part: PlacedPart;
}

type Span = LayerSpan | TaskSpan | PartSpan;

export interface Timeline {
  /** The lanes that launches use: `CPIPE 0`, `CPIPE 1`, `Rubik`, `BDMA`. */
  readonly tracks: readonly string[];
  /** By start, spans of a task before those of the next. The last end is the estimate's latency. */
  readonly spans: readonly Span[];
}

const titles = { cpipe: 'CPIPE', rubik: 'Rubik', bdma: 'BDMA' } as const;

/** How people call the lanes that a launch runs in: `CPIPE 0+1`, `Rubik`. */
export const lanesTitle = ({ engine, lanes }: Pick<PlacedLayer, 'engine' | 'lanes'>): string =>
  engine === 'cpipe' ? `${titles[engine]} ${lanes.join('+')}` : titles[engine];

export function timeline({ layers, asBuilt }: Estimate): Timeline {
  const places = layers.flatMap(({ placed }) => (placed ? [placed] : []));
  const tracks = orinEngines.flatMap((engine) => {
    const lanes = new Set(places.flatMap((place) => (place.engine === engine ? place.lanes : [])));
    return [...lanes].toSorted((a, b) => a - b).map((lane) => lanesTitle({ engine, lanes: [lane] }));
  });
  const parts = asBuilt?.parts ?? [];
  const spans: Span[] = parts.map((part) => {
    const { segment, start, end, what } = part;
    return { kind: 'part', name: what, segment, start, end, part };
  });
  let end = 0;
  for (const segment of new Set(layers.map((layer) => layer.segment))) {
    const task = layers.filter((layer) => layer.segment === segment);
    const first = Math.min(...task.map(({ placed }) => placed!.start));
    for (const part of parts) if (part.end <= first) end = Math.max(end, part.end);
    spans.push({ kind: 'task', name: 'task', segment, start: microseconds(end), end: microseconds(first) });
    for (const layer of task.toSorted((a, b) => a.placed!.start - b.placed!.start)) {
      const place = layer.placed!;
      const { engine, lanes, start } = place;
      const own = lanes.map((lane) => tracks.indexOf(lanesTitle({ engine, lanes: [lane] })));
      spans.push({ kind: 'layer', name: layer.name, segment, tracks: own, start, end: place.end, layer });
      end = Math.max(end, place.end);
    }
  }
  return { tracks, spans: spans.toSorted((a, b) => a.start - b.start) };
}
