/**
 * An estimate of orin or xavier laid out in time, for trace viewers and reports: a track for each lane of an engine, one task
 * after the other on one core, host segments left out.
 */

import { type Microseconds, microseconds } from '../base/units.ts';
import type { Estimate, LayerEstimate, PlacedLayer } from './estimate-result.ts';
import { orinEngines } from './orin/engines.ts';

interface LayerSpan {
  readonly kind: 'layer';
  readonly name: string;
  readonly segment: number;
  /** Index in the timeline's tracks. */
  readonly track: number;
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

type Span = LayerSpan | TaskSpan;

export interface Timeline {
  /** The lanes that launches use: `CPIPE`, `CPIPE 2`, `Rubik`, `BDMA`. */
  readonly tracks: readonly string[];
  /** By start, spans of a task before those of the next. The last end is the estimate's latency. */
  readonly spans: readonly Span[];
}

const titles = { cpipe: 'CPIPE', rubik: 'Rubik', bdma: 'BDMA' } as const;

/** How people call the lane that a launch runs in. */
export const laneTitle = ({ engine, lane }: Pick<PlacedLayer, 'engine' | 'lane'>): string =>
  lane === 0 ? titles[engine] : `${titles[engine]} ${lane + 1}`;

export function timeline({ layers }: Estimate): Timeline {
  const places = layers.flatMap(({ placed }) => (placed ? [placed] : []));
  const order = (place: PlacedLayer) => orinEngines.indexOf(place.engine) * 16 + place.lane;
  const tracks = [...new Set(places.toSorted((a, b) => order(a) - order(b)).map(laneTitle))];
  const spans: Span[] = [];
  let end = 0;
  for (const segment of new Set(layers.map((layer) => layer.segment))) {
    const own = layers.filter((layer) => layer.segment === segment);
    const first = Math.min(...own.map(({ placed }) => placed!.start));
    spans.push({ kind: 'task', name: 'task', segment, start: microseconds(end), end: microseconds(first) });
    for (const layer of own.toSorted((a, b) => a.placed!.start - b.placed!.start)) {
      const place = layer.placed!;
      const track = tracks.indexOf(laneTitle(place));
      spans.push({ kind: 'layer', name: layer.name, segment, track, start: place.start, end: place.end, layer });
      end = Math.max(end, place.end);
    }
  }
  return { tracks, spans };
}
