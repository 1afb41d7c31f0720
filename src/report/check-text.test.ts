import { describe, expect, it } from 'vitest';
import type { Graph } from '../graph/graph.ts';
import { withOffers } from '../rewrite/offers.ts';
import { check as checkAlone } from '../support/check.ts';
import { network } from '../support/testing/network.ts';
import { findRelease, findTarget } from '../targets/find.ts';
import { checkText } from './check-text.ts';

const orin = findTarget('orin');
const options = { target: orin, release: findRelease(orin), precision: 'int8' } as const;
const check = (graph: Graph, rules: typeof options) => withOffers(graph, checkAlone(graph, rules), rules);
const map = [1, 8, 16, 16];

const mixed = network({
  shapes: {
    image: [1, 3, 16, 16],
    i: [1, 3, 16, 16],
    a: map,
    b: map,
    c: map,
    d: map,
    e: map,
    f: map,
    g: [1, 8, 1, 1],
    y: [1, 8],
  },
  constants: { w: [8, 3, 3, 3], v: [8, 8, 33, 1], u: [8, 8, 1, 40] },
  nodes: [
    { op: 'Identity', name: 'start', inputs: ['image'], outputs: ['i'] },
    { op: 'Conv', name: 'stem', inputs: ['i', 'w'], outputs: ['a'], attributes: { pads: [1, 1, 1, 1] } },
    { op: 'Sigmoid', name: 'gate', inputs: ['a'], outputs: ['b'] },
    { op: 'HardSwish', name: 'act1', inputs: ['b'], outputs: ['c'] },
    { op: 'Conv', name: 'tall', inputs: ['c', 'v'], outputs: ['d'], attributes: { pads: [16, 0, 16, 0] } },
    { op: 'Conv', name: 'wide', inputs: ['d', 'u'], outputs: ['e'], attributes: { pads: [0, 20, 0, 19] } },
    { op: 'HardSwish', name: 'act2', inputs: ['e'], outputs: ['f'] },
    { op: 'GlobalAveragePool', name: 'pool', inputs: ['f'], outputs: ['g'] },
    { op: 'Flatten', name: 'flat', inputs: ['g'], outputs: ['y'] },
  ],
});

describe('checkText', () => {
  it('answers first, then gives every reason with the way out', () => {
    expect(checkText(check(mixed, options))).toMatchSnapshot();
  });

  it('lists every node and the sources when verbose', () => {
    expect(checkText(check(mixed, options), { verbose: true, width: 90 })).toMatchSnapshot();
  });

  it('shows the third state apart from the other two', () => {
    const text = checkText(check(mixed, options), { notEmulated: new Set(['gate', 'act1']), verbose: true });
    expect(text).toContain("1 of the DLA's not emulated");
    expect(text).toMatch(/On the DLA, not emulated: 1 node\n.*\n(.*\n)*? +gate {2}Sigmoid/);
    expect(text).toMatch(/gate +Sigmoid +DLA, not emulated/);
    // What a rule refuses stays refused.
    expect(text).toMatch(/act1 +HardSwish +GPU +no-rule/);
  });

  it('colours only when asked', () => {
    const result = check(mixed, options);
    expect(checkText(result)).not.toContain('\u001b');
    const coloured = checkText(result, { colour: true, notEmulated: new Set(['stem']) });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes are what is removed
    expect(coloured.replace(/\u001b\[\d+m/g, '')).toBe(checkText(result, { notEmulated: new Set(['stem']) }));
    expect(coloured).toContain('\u001b[31mno-rule\u001b[39m');
  });

  it('is short where everything runs on the DLA', () => {
    const graph = network({
      shapes: { x: map, y: map },
      nodes: [{ op: 'Relu', name: 'relu', inputs: ['x'], outputs: ['y'] }],
    });
    expect(checkText(check(graph, options))).toMatchInlineSnapshot(`
      "test on orin, JetPack 6.0, INT8
        1 of 1 node on the DLA, in 1 loadable

      Segments, in the order they run
        #  on   segment              nodes  MACs
        1  DLA  {ForeignNode[relu]}      1

      Notes
        • input x (1×8×16×16): bind it as int8:chw32 or int8:dla_linear
        • output y (1×8×16×16): bind it as int8:chw32 or int8:dla_linear
      "
    `);
  });

  it('never lets names reach the terminal as control sequences', () => {
    const graph = network({
      shapes: { x: map, y: map },
      nodes: [{ op: 'Erf', name: 'evil\u001b[2J\u0007', inputs: ['x'], outputs: ['y'] }],
    });
    const text = checkText(check({ ...graph, name: 'net\u001b]0;title\u0007' }, options), { verbose: true });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });

  it('keeps prose within the width', () => {
    for (const width of [60, 80, 120]) {
      const lines = checkText(check(mixed, options), { width }).split('\n');
      const prose = lines.filter((line) => line.startsWith('    ') && !/ {2,}\S+ {2,}/.test(line.trim()));
      expect(Math.max(...prose.map((line) => line.length))).toBeLessThanOrEqual(width);
    }
  });
});
