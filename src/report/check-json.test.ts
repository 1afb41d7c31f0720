import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from '../base/schema.ts';
import { withOffers } from '../rewrite/offers.ts';
import { check } from '../support/check.ts';
import { network } from '../support/testing/network.ts';
import { findRelease, findTarget } from '../targets/find.ts';
import { checkJson } from './check-json.ts';
import { checkSchema } from './json-schemas.ts';
import { checkSarif } from './sarif.ts';

const orin = findTarget('orin');
const map = [1, 8, 16, 16];
const graph = network({
  shapes: { x: map, a: map, b: map, y: map },
  constants: { v: [8, 8, 33, 1] },
  nodes: [
    { op: 'Tanh', name: 'gate', inputs: ['x'], outputs: ['a'] },
    { op: 'Conv', name: 'tall', inputs: ['a', 'v'], outputs: ['b'], attributes: { pads: [16, 0, 16, 0] } },
    { op: 'HardSwish', name: 'act', inputs: ['b'], outputs: ['y'] },
  ],
});
const options = { target: orin, release: findRelease(orin), precision: 'int8' } as const;
const result = withOffers(graph, check(graph, options), options);
const schema = z.fromJSONSchema(
  JSON.parse(readFileSync(new URL('../../schema/check.schema.json', import.meta.url), 'utf8')),
);

describe('checkJson', () => {
  it('keeps its schema', () => {
    expect(schema.safeParse(JSON.parse(checkJson(result))).error).toBeUndefined();
    expect(checkSchema.safeParse(JSON.parse(checkJson(result))).error).toBeUndefined();
    expect(schema.safeParse(JSON.parse(checkJson(result, { notEmulated: new Set(['gate']) }))).error).toBeUndefined();
  });

  it('has a schema that refuses what is not a check', () => {
    const value = JSON.parse(checkJson(result));
    for (const wrong of [
      { ...value, extra: 1 },
      { ...value, schemaVersion: 2 },
      { ...value, precision: 'fp32' },
      { ...value, macs: { total: -1, dla: 0 } },
      { ...value, nodes: [{ ...value.nodes[0], state: 'elsewhere' }] },
      { ...value, nodes: [{ ...value.nodes[1], refusals: [{ ...value.nodes[1].refusals[0], values: { limit: 1 } }] }] },
    ]) {
      expect(schema.safeParse(wrong).success).toBe(false);
    }
  });

  it('has the three states', () => {
    const { nodes } = JSON.parse(checkJson(result, { notEmulated: new Set(['gate']) }));
    expect(nodes.map(({ node, state }: { node: string; state: string }) => `${node}:${state}`)).toEqual([
      'gate:not-emulated',
      'tall:gpu',
      'act:gpu',
    ]);
  });

  it('is the same text again, with the same keys first', () => {
    expect(checkJson(result)).toBe(checkJson(structuredClone(result)));
    expect(checkJson(result)).toMatchSnapshot();
  });
});

interface Sarif {
  readonly version: string;
  readonly runs: readonly {
    readonly tool: {
      readonly driver: { readonly version?: string; readonly rules: readonly { readonly id: string }[] };
    };
    readonly artifacts: readonly { readonly location: { readonly uri: string } }[];
    readonly results: readonly {
      readonly ruleId: string;
      readonly ruleIndex: number;
      readonly level: string;
      readonly message: { readonly text: string };
      readonly locations: readonly {
        readonly physicalLocation: { readonly artifactLocation: { readonly uri: string; readonly index: number } };
        readonly logicalLocations: readonly { readonly name: string; readonly fullyQualifiedName: string }[];
      }[];
    }[];
  }[];
}
const sarif = (options: Parameters<typeof checkSarif>[1]) =>
  (JSON.parse(checkSarif(result, options)) as Sarif).runs[0]!;

describe('checkSarif', () => {
  it('has one result for each refusal, located by node', () => {
    const run = sarif({ file: 'models/net.onnx', version: '1.2.3' });
    expect(run.tool.driver.version).toBe('1.2.3');
    expect(run.results.map(({ ruleId, locations }) => [ruleId, locations[0]!.logicalLocations[0]!.name])).toEqual([
      ['convolution/kernel', 'tall'],
      ['no-rule', 'act'],
    ]);
    expect(run.results[0]!.locations[0]!.logicalLocations[0]!.fullyQualifiedName).toBe('test/tall');
    expect(run.results[0]!.message.text).toContain('tall: kernel 33×1, allowed 1…32');
    for (const { ruleId, ruleIndex, locations } of run.results) {
      expect(run.tool.driver.rules[ruleIndex]!.id).toBe(ruleId);
      const { uri, index } = locations[0]!.physicalLocation.artifactLocation;
      expect(run.artifacts[index]!.location.uri).toBe(uri);
    }
    const ids = run.tool.driver.rules.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('reports errors, or warnings where the GPU may help out', () => {
    expect(sarif({ file: 'a.onnx' }).results.map(({ level }) => level)).toEqual(['error', 'error']);
    expect(sarif({ file: 'a.onnx', allowGpuFallback: true }).results.map(({ level }) => level)).toEqual([
      'warning',
      'warning',
    ]);
  });

  it.each([
    ['models/net.onnx', 'models/net.onnx'],
    ['my models/né#1.onnx', 'my%20models/n%C3%A9%231.onnx'],
    ['models\\net.onnx', 'models/net.onnx'],
    ['C:\\models\\net.onnx', 'file:///C:/models/net.onnx'],
    ['/srv/net.onnx', 'file:///srv/net.onnx'],
  ])('writes %s as %s', (file, uri) => {
    expect(sarif({ file }).artifacts[0]!.location.uri).toBe(uri);
    expect(() => new URL(uri, 'file:///base/')).not.toThrow();
  });

  it('is complete', () => {
    const log = JSON.parse(checkSarif(result, { file: 'models/net.onnx' }));
    log.runs[0].tool.driver.rules.length = 3;
    expect(log).toMatchSnapshot();
  });
});
