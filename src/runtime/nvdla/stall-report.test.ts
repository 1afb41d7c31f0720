/**
 * Seeded deadlocks: networks whose dependency graph is wrong in one place. The report has to name the operation, the engine,
 * the event and the producer that are to blame, and nobody else, though everything behind them waits too.
 */

import { describe, expect, it } from 'vitest';
import { DlakitError, type Problem } from '../../base/errors.ts';
import { Bus } from '../../device/bus.ts';
import { launchResult } from '../../device/engines/reference/engines.ts';
import type { ImmediateEngines } from '../../device/state.ts';
import { commonDesc, events, networkDesc, operationTypes } from '../../loadable/nvdla/format/descriptors.ts';
import type { StockLoadable } from '../../loadable/nvdla/format/stock-loadable.ts';
import { lowerWithPlaces } from '../../loadable/nvdla/lower/program.ts';
import { networks } from '../../loadable/nvdla/testing/fixtures.ts';
import { randomProgram } from '../../loadable/nvdla/testing/random-program.ts';
import { nvFull, nvSmall } from '../../targets/nvdla.ts';
import type { NvdlaTarget } from '../../targets/target.ts';
import { driverOf, submitNow } from './testing/drive.ts';
import { StockNetwork } from './user-driver.ts';

/** Engines that compute nothing: only the order of launches matters here. */
const idle: ImmediateEngines = {
  kind: 'immediate',
  name: 'idle',
  dispatch: (pipeline) => launchResult(pipeline, 0, 0),
  close: () => {},
};

interface Subject {
  readonly name: string;
  readonly target: NvdlaTarget;
  readonly loadable: () => StockLoadable;
  readonly layers?: readonly string[];
}

const compiled = (target: NvdlaTarget, seed: number): Subject => {
  const { program, blobs } = randomProgram(target, seed, 12);
  const { layers } = lowerWithPlaces(program, blobs, target);
  return {
    name: `a Program for ${target.name}`,
    target,
    loadable: () => lowerWithPlaces(program, blobs, target).loadable,
    layers: layers.map(({ name }) => name),
  };
};

const subjects: readonly Subject[] = [
  ...networks()
    .filter(({ name }) => /resnet_sm|dec__|misc2/.test(name))
    .map(({ name, target, loadable }) => ({ name, target, loadable: () => copyOf(loadable) })),
  compiled(nvSmall, 7),
  compiled(nvFull, 21),
];

/** A copy that may be changed. */
const copyOf = (loadable: StockLoadable): StockLoadable => ({
  ...loadable,
  blobs: loadable.blobs.map((blob) => ({ ...blob, data: blob.data.slice() })),
});

/** A task's dependency graph and network descriptor, to be read and changed in place. */
class Graph {
  readonly #list: DataView;
  readonly #network: DataView;

  constructor(loadable: StockLoadable) {
    const view = (part: string): DataView => {
      const { data } = loadable.blobs.find(({ name }) => name.includes(part))!;
      return new DataView(data.buffer, data.byteOffset, data.byteLength);
    };
    this.#list = view('dep_graph');
    this.#network = view('addr0');
  }

  get operations() {
    return Array.from({ length: this.#list.byteLength / commonDesc.size }, (_, index) => this.operation(index));
  }

  operation(index: number) {
    return { ...commonDesc.read(this.#list, index * commonDesc.size), index };
  }

  change(index: number, changes: Partial<ReturnType<Graph['operation']>>): void {
    commonDesc.write(this.#list, index * commonDesc.size, { ...this.operation(index), ...changes });
  }

  get heads(): readonly number[] {
    return networkDesc.read(this.#network, 0).opHead;
  }

  setHead(engine: number, index: number): void {
    const opHead = this.heads.map((head, at) => (at === engine ? index : head));
    networkDesc.write(this.#network, 0, { ...networkDesc.read(this.#network, 0), opHead });
  }
}

/** The place of a link: a consumer, or the fused parent. */
interface Link {
  readonly producer: number;
  readonly slot: number;
  readonly index: number;
  readonly event: number;
}

const parentSlot = operationTypes.length;

const linksOf = (graph: Graph): readonly Link[] =>
  graph.operations.flatMap(({ index: producer, consumers, fusedParent }) =>
    [...consumers, fusedParent].flatMap(({ index, event }, slot) =>
      index === -1 ? [] : [{ producer, slot, index, event }],
    ),
  );

function setLink(
  graph: Graph,
  { producer, slot }: Link,
  link: { readonly index: number; readonly event: number },
): void {
  const { consumers, fusedParent } = graph.operation(producer);
  const changed = { ...link, reserved: 0 };
  if (slot === parentSlot) graph.change(producer, { fusedParent: { ...fusedParent, ...changed } });
  else graph.change(producer, { consumers: consumers.map((old, at) => (at === slot ? changed : old)) });
}

function problemOf({ target, loadable, layers }: Subject, change: (graph: Graph) => void): Problem | undefined {
  const changed = loadable();
  change(new Graph(changed));
  const network = new StockNetwork(changed, driverOf(target, new Bus({ maximum: 2 ** 26 }), idle), layers);
  try {
    submitNow(network);
    return undefined;
  } catch (error) {
    if (error instanceof DlakitError) return error.problem;
    throw error;
  } finally {
    network.unload();
  }
}

describe.each(subjects)('$name', (subject) => {
  const sound = new Graph(subject.loadable());
  const links = linksOf(sound);
  const label = (index: number): string => {
    const layer = subject.layers?.[index];
    const type = operationTypes[sound.operation(index).opType];
    return `operation ${index} (${type}${layer === undefined ? '' : ` of ${layer}`})`;
  };
  const engineOf = (index: number): number => sound.operation(index).opType;
  const stalls = (found: Problem | undefined, message: string, culprit: number): void => {
    expect(found).toMatchObject({ code: 'device/stalled', message });
    expect(found?.place).toEqual(subject.layers ? { layer: subject.layers[culprit] } : {});
  };

  it('runs to its end when nothing is wrong', () => {
    expect(problemOf(subject, () => {})).toBeUndefined();
    expect(links.length).toBeGreaterThan(5);
  });

  it('names who waits for an event too many', () => {
    for (const { index, dependencyCount } of sound.operations) {
      const found = problemOf(subject, (graph) => graph.change(index, { dependencyCount: dependencyCount + 1 }));
      stalls(found, `${label(index)} waits for an event that nobody raises`, index);
    }
  });

  it('names who was told of an event too many', () => {
    for (const { index, dependencyCount } of sound.operations) {
      if (dependencyCount === 0) continue;
      const found = problemOf(subject, (graph) => graph.change(index, { dependencyCount: dependencyCount - 1 }));
      expect(found?.code).toBe('loadable/corrupt');
      expect(found?.message).toBe(`${label(index)} is told of more events than it waits for`);
      for (const { producer } of links.filter((link) => link.index === index)) {
        expect(found?.actual).toContain(label(producer));
      }
    }
  });

  it('names who waits for an event that its producer never raises', () => {
    for (const link of links) {
      const found = problemOf(subject, (graph) => setLink(graph, link, { index: link.index, event: 7 }));
      const message = `${label(link.index)} waits for event 7 of ${label(link.producer)}, which never raises it`;
      stalls(found, message, link.index);
    }
  });

  it('names who lost its producer, and its place in the queue', () => {
    for (const link of links) {
      const found = problemOf(subject, (graph) => setLink(graph, link, { index: -1, event: link.event }));
      const missing = `${label(link.index)} waits for an event that nobody raises`;
      const queued = `${label(link.index)} was never queued: it is the head of no engine and follows no operation`;
      const follows = link.slot === engineOf(link.producer) && engineOf(link.index) === link.slot;
      stalls(found, follows ? `${queued}; ${missing}` : missing, link.index);
    }
  });

  it('names who gets the events of another one', () => {
    let changed = 0;
    for (const link of links) {
      const other = sound.operations.find(
        ({ index, opType }) => index !== link.index && opType === engineOf(link.index) && index !== link.producer,
      );
      if (!other) continue;
      changed++;
      const found = problemOf(subject, (graph) => setLink(graph, link, { index: other.index, event: link.event }));
      expect(found?.message).toBe(`${label(other.index)} is told of more events than it waits for`);
      expect(found?.actual).toContain(label(link.producer));
    }
    expect(changed).toBeGreaterThan(3);
  });

  it('names what is at the head of no queue', () => {
    for (const [engine, head] of sound.heads.entries()) {
      if (head === -1) continue;
      const message = `${label(head)} was never queued: it is the head of no engine and follows no operation`;
      stalls(
        problemOf(subject, (graph) => graph.setHead(engine, -1)),
        message,
        head,
      );
      const next = sound.operation(head).consumers[engine]!.index;
      if (next === -1) continue;
      stalls(
        problemOf(subject, (graph) => graph.setHead(engine, next)),
        message,
        head,
      );
    }
  });

  it('names every operation of a circle, and no other', () => {
    let circles = 0;
    for (const early of sound.operations) {
      for (const late of sound.operations) {
        // `late` must depend on `early` and have a free consumer slot: linking it back to `early` closes a circle.
        const slot = early.opType;
        if (late.index <= early.index + 1 || late.consumers[slot]!.index !== -1) continue;
        if (!reaches(links, early.index, late.index)) continue;
        const found = problemOf(subject, (graph) => {
          const event = events.completed;
          setLink(graph, { producer: late.index, slot, index: -1, event }, { index: early.index, event });
          graph.change(early.index, { dependencyCount: early.dependencyCount + 1 });
        });
        circles++;
        expect(found?.code).toBe('device/stalled');
        const steps = found!.message.split('; ');
        expect(steps).toContain(`${label(early.index)} waits for ${label(late.index)} to be completed`);
        expect(steps.length).toBeLessThanOrEqual(9);
        if (steps.length > 8) continue;
        const named = steps.map((step) => [...step.matchAll(/operation (\d+)/g)].map(([, index]) => Number(index)));
        for (const [at, [, waitsFor]] of named.entries()) expect(named[(at + 1) % named.length]![0]).toBe(waitsFor);
      }
    }
    expect(circles).toBeGreaterThan(0);
  });
});

/** Whether one operation depends on another through any number of links. */
function reaches(links: readonly Link[], from: number, to: number): boolean {
  const found = new Set([from]);
  for (const one of found) for (const { producer, index } of links) if (producer === one) found.add(index);
  return found.has(to);
}
