import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DlakitError } from '../base/errors.ts';
import { notationLimits } from './notation.ts';
import { parsePlan, parseProgram } from './parse.ts';
import { printPlan, printProgram } from './print.ts';
import { arbitraryPlan, arbitraryProgram } from './testing/arbitrary-program.ts';
import { problemOf } from './testing/problem-of.ts';
import { sampleProgram } from './testing/sample-program.ts';
import { validateProgram } from './validate.ts';

const { program, blobs } = sampleProgram();
const text = printProgram(program);

it('prints the sample program', () => {
  expect(text).toMatchSnapshot();
});

describe('printing and parsing', () => {
  it('gives the sample program back, still valid', () => {
    const parsed = parseProgram(text);
    expect(parsed).toStrictEqual(program);
    validateProgram(parsed, blobs);
  });

  it('gives any program back, bit for bit', () => {
    fc.assert(
      fc.property(arbitraryProgram, (value) => {
        const printed = printProgram(value);
        expect(parseProgram(printed)).toEqual(value);
        expect(printProgram(parseProgram(printed))).toBe(printed);
      }),
    );
  });

  it('gives any plan back, bit for bit', () => {
    fc.assert(
      fc.property(arbitraryPlan, (value) => {
        const printed = printPlan(value);
        expect(parsePlan(printed)).toEqual(value);
        expect(printPlan(parsePlan(printed))).toBe(printed);
      }),
    );
  });

  it('prints the same text whatever order an object was built in', () => {
    const backwards = <T>(value: T): T => {
      if (Array.isArray(value)) return value.map(backwards) as T;
      if (typeof value !== 'object' || value === null) return value;
      const entries = Object.entries(value).map(([key, item]) => [key, backwards(item)] as const);
      return Object.fromEntries(entries.reverse()) as T;
    };
    expect(printProgram(backwards(program))).toBe(text);
  });

  it('reads carriage returns, indentation, comments and empty lines', () => {
    const loose = text.split('\n').map((line) => `\t${line} # why\r`);
    expect(parseProgram(`# a program\n\n${loose.join('\n')}`)).toStrictEqual(program);
  });

  it('refuses to print what is not finite', () => {
    expect(() => printProgram({ ...program, inputs: [Number.NaN] })).toThrow(RangeError);
  });
});

describe('syntax errors name the line', () => {
  const [head, ...rest] = text.split('\n');
  const withLine = (line: string) => [head, line, ...rest].join('\n');
  it.each<readonly [string, string, string]>([
    ['surface id=', 'column 12 cannot be read', 'a value'],
    ['surface id=1 id=2', 'column 17 cannot be read', 'id once'],
    ['surface id=0x10', 'column 12 cannot be read', 'a value'],
    ['surface id=01', 'column 12 cannot be read', 'a value'],
    ['surface id=1e999', 'column 17 cannot be read', 'a number that a double holds'],
    ['surface name="open', 'column 14 cannot be read', 'a closing quote'],
    ['surface name="\\q"', 'column 14 cannot be read', 'a JSON string'],
    ['surface name="a\tb"', 'column 14 cannot be read', 'a JSON string'],
    ['surface shape=[1 2', 'column 19 cannot be read', 'a value'],
    ['surface shape={h=1', 'column 19 cannot be read', 'a field'],
    ['surface shape=]', 'column 15 cannot be read', 'a value'],
    ['surface __proto__=1', 'column 9 cannot be read', 'a field'],
    ['surface = 1', 'column 9 cannot be read', 'a field'],
    ['17', 'column 1 cannot be read', 'a keyword'],
    [`surface a=${'['.repeat(20)}${']'.repeat(20)}`, 'column 19 cannot be read', 'at most 8 levels'],
    [`surface a=[${'1 '.repeat(notationLimits.items + 1)}]`, 'column 524300 cannot be read', 'at most 262144 items'],
    ['surfaces id=1', 'unexpected statement', 'the end'],
    ['program target=orin', 'unexpected statement', 'the end'],
  ])('%.60s', (line, message, expected) => {
    expect(problemOf(() => parseProgram(withLine(line)))).toMatchObject({
      code: 'program/syntax',
      message,
      place: { line: 2 },
      expected,
    });
  });

  it.each([
    ['surface id=1', 'surface field name: '],
    [rest[0]!.replace('id=0', 'id=-1'), 'surface field id: '],
    [rest[0]!.replace('id=0', 'id=0.5'), 'surface field id: '],
    [rest[0]!.replace('chw32', 'chw64').replace('dla_hwc4', 'hwc'), 'surface field format: '],
    [`${rest[0]!} extra=1`, 'surface: '],
    ['constant surface=1 blob=abc', 'constant field blob: a blob key has 64 hexadecimal digits'],
    ['layer kind=winograd', 'layer field kind: '],
  ])('%s', (line, message) => {
    const problem = problemOf(() => parseProgram(withLine(line)));
    expect(problem).toMatchObject({ code: 'program/syntax', place: { line: 2 } });
    expect(problem.message).toContain(message);
  });

  it('refuses more values than any program has', () => {
    const line = `a b=[${'1 '.repeat(notationLimits.items)}]\n`;
    expect(problemOf(() => parseProgram(line.repeat(20)))).toMatchObject({
      place: { line: 16 },
      expected: `at most ${notationLimits.values} statements and values`,
    });
  });

  it('reads lines as long as the limit, and long strings, without running out of stack', () => {
    const long = 'x'.repeat(notationLimits.line - 100);
    const at = (line: string) => problemOf(() => parseProgram(line)).message;
    expect(at(`program target="${long}"`)).toContain('program field sram');
    expect(at(`program ${' '.repeat(long.length)} target=orin`)).toContain('program field sram');
    expect(at(`program target=orin # ${long}`)).toContain('program field sram');
    expect(at(`program target="${long}`)).toContain('cannot be read');
  });

  it('names the line after the last where something is missing', () => {
    expect(problemOf(() => parseProgram(''))).toMatchObject({
      place: { line: 1 },
      expected: 'program',
      actual: 'the end',
    });
    expect(problemOf(() => parsePlan(text))).toMatchObject({ place: { line: 1 }, expected: 'plan', actual: 'program' });
  });

  it('refuses texts and lines that are too long before looking at them', () => {
    expect(problemOf(() => parseProgram(' '.repeat(notationLimits.characters + 1))).message).toBe(
      'the text is too long',
    );
    expect(problemOf(() => parseProgram(' '.repeat(notationLimits.line + 1))).message).toBe('the line is too long');
  });

  it('meets every mutilated text with a program error or a program that prints', () => {
    const edit = fc.record({ at: fc.nat(text.length), cut: fc.nat(12), put: fc.string({ maxLength: 8 }) });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        const broken = edits.reduce((all, { at, cut, put }) => all.slice(0, at) + put + all.slice(at + cut), text);
        try {
          const parsed = parseProgram(broken);
          expect(parseProgram(printProgram(parsed))).toEqual(parsed);
          validateProgram(parsed, blobs);
        } catch (error) {
          if (!(error instanceof DlakitError)) throw error;
          expect(error.problem.code).toMatch(/^program\/(syntax|invalid)$/);
        }
      }),
      { numRuns: 500 },
    );
  });
});
