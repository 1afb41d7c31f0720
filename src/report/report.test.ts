import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from '../base/schema.ts';
import type { Evaluation } from '../evaluate/evaluate.ts';
import { check, compile, estimateModes, prepare, report } from '../index.ts';
import { lenet } from '../models/caffe.ts';
import { GraphBuilder } from '../models/graph-builder.ts';
import { checkJson } from './check-json.ts';
import { checkText } from './check-text.ts';
import { compileText } from './compile-text.ts';
import { estimateText, layersText } from './estimate-text.ts';
import { evaluationText } from './evaluate-text.ts';
import { reportHtml } from './html/page.ts';
import { reportSchema } from './json-schemas.ts';
import { evaluationJson, reportJson } from './make-report.ts';
import { perfettoTrace } from './perfetto.ts';
import type { Report } from './report.ts';
import { checkSarif } from './sarif.ts';
import { formatRate, formatTime } from './table.ts';

const hostile = '<script>alert("x")</script>\u001b[31m&amp;';

/** Two convolutions with something between them that the DLA does not have. */
function network(name: string) {
  const builder = new GraphBuilder(name, { seed: 3 });
  const image = builder.input('image', [1, 3, 16, 16]);
  const first = builder.conv(image, { channels: 32, kernel: 3, padding: 1 });
  const [middle = ''] = builder.node('Erf', [first], [builder.shape(first)]);
  builder.output(builder.conv(middle, { channels: 16, kernel: 1 }));
  return prepare(builder.build());
}

const evaluation: Evaluation = {
  network: hostile,
  target: 'orin',
  precision: 'int8',
  samples: 1000,
  calibration: hostile,
  accuracy: { fp32: { top1: 0.95, top5: 0.99 }, dla: { top1: 0.948, top5: 0.99 }, agreement: 0.99 },
  preprocess: { divisor: 1, mean: [123.7], std: [58.4], channelOrder: 'rgb' },
  outputs: [{ value: 'worse', snr: 12.5, cosine: 0.97, saturated: 0 }],
  tensors: [
    { value: hostile, snr: Number.POSITIVE_INFINITY, cosine: 1, saturated: 0 },
    { value: 'worse', snr: 12.5, cosine: 0.97, saturated: 0.25 },
  ],
  firstDivergence: 'worse',
  losses: [
    { value: hostile, share: 0.5, snr: 12.5, reason: { cause: 'outlier-channel', largest: 200, median: 1 } },
    { value: 'b', share: 0.25, snr: 15, reason: { cause: 'equal-range', own: 1, range: 10, nodes: [hostile] } },
    { value: 'c', share: 0.125, snr: 18, reason: { cause: 'saturated', largest: 10, range: 5 } },
    { value: 'd', share: 0.0625, snr: 21, reason: { cause: 'table' } },
    { value: 'e', share: 0.03125, snr: 24, reason: { cause: 'rounding' } },
  ],
};

const prepared = network(hostile);
const compilation = compile(prepared);
const value: Report = report(prepared, compilation, { evaluation });

describe('a report', () => {
  it('as JSON keeps its schema', () => {
    const schema = z.fromJSONSchema(
      JSON.parse(readFileSync(new URL('../../schema/report.schema.json', import.meta.url), 'utf8')),
    );
    const json = JSON.parse(reportJson(value)) as Record<string, unknown>;
    expect(reportSchema.safeParse(json).error).toBeUndefined();
    expect(schema.safeParse(json).error).toBeUndefined();
    for (const key of Object.keys(json)) {
      if (key === 'evaluation') continue;
      const { [key]: _gone, ...rest } = json;
      expect(schema.safeParse(rest).success, `without ${key}`).toBe(false);
    }
    expect(schema.safeParse({ ...json, estimates: [{}] }).success).toBe(false);
  });

  it('as a page is self-contained and escapes what it shows', () => {
    const page = reportHtml(value);
    expect(page).not.toContain('<script');
    expect(page).not.toContain('\u001b');
    expect(page).toContain('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;');
    expect(page).not.toMatch(/(?:src|href)="(?!#)/);
    expect(page).not.toContain('undefined');
    expect(page).not.toContain('NaN');
    for (const id of ['changes', 'placement', 'time', 'roofline', 'memory', 'accuracy']) {
      expect(page).toContain(`<section id="${id}">`);
    }
  });

  it('tells the node that stays on the GPU, and why', () => {
    const erf = value.nodes.find((node) => node.op === 'Erf')!;
    expect(erf).toMatchObject({ placement: 'gpu', why: 'no-rule' });
    expect(value.changes.find((change) => change.nodes.includes(erf.name))).toMatchObject({ rule: 'no-rule' });
    expect(value.gain.gpuNodes).toEqual([1, 1]);
    expect(value.gain.loadables).toEqual([2, 2]);
  });

  it('draws every node and every surface that lives in SRAM', () => {
    const page = reportHtml(value);
    const boxes = value.segments.flatMap((segment) =>
      segment.memory.filter((block) => block.memory === 'managed_sram'),
    );
    expect(page.match(/<rect [^>]*fill-opacity="0.16"/g)).toHaveLength(value.nodes.length);
    expect(page.match(/hsl\(/g)?.length ?? 0).toBeGreaterThanOrEqual(boxes.length);
  });
});

it('draws the schedule: every task, and every layer over the lanes that it has', () => {
  const page = reportHtml(value);
  const drawings = page.match(/<svg role="img" aria-label="schedule".*?<\/svg>/gs)!;
  expect(drawings).toHaveLength(value.estimates.length);
  for (const [index, { layers, asBuilt }] of value.estimates.entries()) {
    expect(drawings[index]!.match(/class="part"/g)).toHaveLength(asBuilt!.parts.length);
    expect(drawings[index]!.match(/class="task"/g)).toHaveLength(new Set(layers.map(({ segment }) => segment)).size);
    // Both convolution pipes: 26 pixels a lane, less a gap of 4.
    expect(drawings[index]!.match(/height="48" fill="[^"]*" stroke="[^"]*"><title>[^<]*Conv_/g)).toHaveLength(
      layers.length,
    );
    expect(drawings[index]).toContain('>CPIPE 1</text>');
  }
});

describe('the roofline', () => {
  it('has the roofs of the module', () => {
    const page = reportHtml(value);
    expect(page).toContain('Peak 13.11 TMAC/s; DRAM 204.8 GB/s, which the cores share');
  });
});

describe('notes', () => {
  it('are those of check, on memory too, on the page and in JSON', () => {
    const chain = (size: number) => {
      const builder = new GraphBuilder('chain', { seed: 1 });
      const first = builder.conv(builder.input('x', [1, 32, size, size]), { channels: 64, kernel: 3 });
      builder.output(builder.conv(first, { channels: 16, kernel: 3 }));
      return builder.build();
    };
    const [large, small] = [chain(128), chain(8)];
    const options = { localDram: 0.0625, sram: 0.5 };
    const network = { original: large, graph: small, applied: [] };
    const made = report(network, compile(network, options));
    const { notes, beyondPools } = check(large, options);
    expect(beyondPools).toEqual([expect.stringContaining('dlaLocalDRAM has 0.063')]);
    expect(made.original.notes).toEqual(notes);
    expect(JSON.parse(reportJson(made)).original.notes).toEqual(notes);
    for (const note of notes) expect(reportHtml(made)).toContain(`<li>${note}</li>`);
  });
});

describe('a trace', () => {
  it('holds every task and layer once in every mode, on the lanes of the engines', () => {
    const { traceEvents } = JSON.parse(perfettoTrace(value.estimates)) as {
      traceEvents: { ph: string; pid: number; tid: number; ts: number; dur: number; name: string; args: object }[];
    };
    for (const [index, estimate] of value.estimates.entries()) {
      const own = traceEvents.filter(({ pid }) => pid === index + 1);
      const slices = own.filter(({ ph }) => ph === 'X');
      const layers = slices.filter(({ name }) => name !== 'task submission');
      const { parts } = estimate.asBuilt!;
      expect(parts.length).toBeGreaterThan(0);
      // A launch is drawn in every lane that it has.
      const drawn = estimate.layers.flatMap(({ name, placed }) => placed!.lanes.map(() => name));
      const all = [...drawn, ...parts.map(({ what }) => what)];
      expect(layers.map(({ name }) => name).sort()).toEqual(all.sort());
      // Every task is submitted when it has been handed over, just before its first layer.
      const tasks = new Set(estimate.layers.map(({ segment }) => segment)).size;
      expect(tasks).toBeGreaterThan(1);
      const submitted = slices.filter(({ name }) => name === 'task submission');
      expect(submitted.map(({ tid, dur }) => [tid, Math.round(dur)])).toEqual(Array(tasks).fill([1, 20]));
      for (const task of submitted) {
        const before = Math.max(0, ...layers.filter(({ ts }) => ts < task.ts).map(({ ts, dur }) => ts + dur));
        expect(task.ts).toBeCloseTo(before, 6);
        expect(layers.some(({ ts }) => Math.abs(ts - task.ts - task.dur) < 1e-6)).toBe(true);
      }
      const tracks = own.filter(({ ph, name }) => ph === 'M' && name === 'thread_name');
      expect(tracks[1]).toMatchObject({ tid: 2, args: { name: 'CPIPE 0' } });
      for (const { tid } of tracks) {
        let end = 0;
        for (const { ts, dur } of slices.filter((slice) => slice.tid === tid)) {
          expect(ts).toBeGreaterThanOrEqual(end - 1e-9);
          end = ts + dur;
        }
      }
      expect(Math.max(...slices.map(({ ts, dur }) => ts + dur))).toBeCloseTo(estimate.latency, 6);
    }
  });
});

describe('a report on an open NVDLA', () => {
  const network = prepare(lenet());
  const value = report(network, compile(network, { target: 'nv_small' }), { system: { clock: 50 } });
  const [estimate] = value.estimates;

  it('as JSON keeps the schema', () => {
    expect(reportSchema.safeParse(JSON.parse(reportJson(value))).error).toBeUndefined();
    expect(estimate).toMatchObject({ dlaClock: 50, stripe: { launchCycles: expect.any(Number) } });
  });

  it('calls float16 fp16 wherever it writes', () => {
    const half = report(network, compile(network, { target: 'nv_full', precision: 'fp16' }), {
      evaluation: { ...evaluation, target: 'nv_full', precision: 'fp16' },
    });
    const json = JSON.parse(reportJson(half));
    expect(reportSchema.safeParse(json).error).toBeUndefined();
    expect([json, json.original, json.prepared, json.evaluation].map(({ precision }) => precision)).toEqual(
      Array(4).fill('fp16'),
    );
    expect(json.ranges).toBe('none');
    expect(JSON.parse(evaluationJson(half.evaluation!))).toEqual(json.evaluation);
    expect(JSON.parse(checkJson(half.original)).precision).toBe('fp16');
    expect(JSON.parse(checkSarif(half.original, { file: 'lenet.onnx' })).runs[0].properties.precision).toBe('fp16');
    for (const text of [reportHtml(half), checkText(half.original), evaluationText(half.evaluation!)]) {
      expect(text).toContain('FP16');
      expect(text).not.toMatch(/float16/i);
    }
  });

  it('as a page says why launches take their time', () => {
    const page = reportHtml(value);
    expect(page).toContain('one output point for each loading of weights: 13 % of the multipliers');
    expect(page).toContain('launches that do not wait for one another overlap');
    expect(page).not.toMatch(/undefined|NaN|cores share/);
  });

  it('as a trace has a track for each engine, on which launches follow one another', () => {
    const { traceEvents } = JSON.parse(perfettoTrace(value.estimates)) as {
      traceEvents: { ph: string; tid: number; ts: number; dur: number; name: string; args: { name: string } }[];
    };
    const tracks = traceEvents.filter(({ ph, name }) => ph === 'M' && name === 'thread_name');
    expect(tracks.map(({ args }) => args.name)).toEqual(['processor', 'conv', 'sdp', 'pdp']);
    for (const { tid } of tracks) {
      let end = 0;
      for (const { ts, dur } of traceEvents.filter((event) => event.ph === 'X' && event.tid === tid)) {
        expect(ts).toBeGreaterThanOrEqual(end - 1e-9);
        end = ts + dur;
      }
      expect(end).toBeLessThanOrEqual(estimate!.latency);
      expect(end).toBeGreaterThan(0);
    }
  });
});

describe('terminal text', () => {
  it('has a line per mode and per layer, and no control character from the file', () => {
    const estimates = estimateModes(compilation.network.plan);
    expect(
      estimateText(estimates)
        .split('\n')
        .filter((line) => /^(MAXN|50W|30W|15W) /.test(line)),
    ).toHaveLength(4);
    expect(layersText(estimates[0]!).split('\n')).toHaveLength(estimates[0]!.layers.length + 1);
    for (const text of [compileText(compilation.network.plan, compilation.notEmulated), evaluationText(evaluation)]) {
      expect(text).not.toContain('\u001b');
    }
  });

  it('tells one number everywhere, with what stands behind it: JSON, text, page and trace', () => {
    const linear = report(prepared, compilation, { bindings: 'fp32' });
    const text = estimateText(linear.estimates);
    const page = reportHtml(linear);
    const { traceEvents } = JSON.parse(perfettoTrace(linear.estimates)) as {
      traceEvents: { name: string; ph: string; pid: number; ts: number; dur: number; args: { labels?: string } }[];
    };
    const written = JSON.parse(reportJson(linear)) as Report;
    for (const [index, { imagesPerSecond, latency, powerMode, evidence, asBuilt }] of written.estimates.entries()) {
      const [rate, time] = [formatRate(imagesPerSecond), formatTime(latency)];
      expect(text).toMatch(new RegExp(`^${powerMode} .* ${rate}  ${evidence.class} .* ${time} `, 'm'));
      expect(text).toContain(`Around the DLA in ${powerMode}, ${formatTime(asBuilt!.time)} of the latency`);
      expect(page).toContain(`<b>${rate} images/s</b> (${evidence.class}: error ${evidence.error})`);
      expect(page).toContain(`latency ${time}, utilisation`);
      const own = traceEvents.filter(({ pid }) => pid === index + 1);
      const ends = own.filter(({ ph }) => ph === 'X').map(({ ts, dur }) => ts + dur);
      expect(Math.max(...ends)).toBeCloseTo(latency, 6);
      expect(own.find(({ name }) => name === 'process_labels')!.args.labels).toBe(`estimated, ${evidence.class}`);
    }
    const [best] = linear.estimates;
    expect(page).toContain(
      `<b>${formatRate(best!.imagesPerSecond)}</b><span>images/s, MAXN, 2 cores: estimated, never seen`,
    );
    expect(page).toContain('text-anchor="end">GPU</text>');
  });

  it('marks a module that no measurement stands behind', () => {
    const [estimate] = estimateModes(compilation.network.plan, { module: 'orin-nx-16gb' });
    expect(estimateText([estimate!])).toContain('never seen');
  });

  it('shows accuracy with the difference in points', () => {
    expect(evaluationText(evaluation)).toContain('-0.20');
    expect(evaluationText(evaluation)).toContain('INT8 first diverges at worse');
    expect(evaluationText(evaluation)).toContain('pictures: (pixel − 123.7) / 58.4, rgb');
    expect(evaluationText(evaluation)).toMatch(/^worse +12\.5 +0\.970000 +0\.000 %$/m);
    expect(evaluationText(evaluation)).toMatch(/^c +12\.5 % +18\.0 +saturated: it reaches 10, its range ±5$/m);
  });
});
