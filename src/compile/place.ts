/**
 * The pass that says which values share memory. A value that is another one under a new name or shape has no surface of its own.
 * An input of a concatenation that starts at a multiple of 32 channels, and that nothing else binds, is a view of the
 * output, written in place. Every other input is copied. Where layers read whole atoms only, a slice of whole atoms is a
 * view of its input. Operations that only move or select integers keep their scale, so a value that enters with another
 * scale is rescaled on the way.
 */

import { precisionName } from '../base/data-type.ts';
import type { PixelGrid } from '../program/layer.ts';
import type { Shape4 } from '../program/surface.ts';
import { lastNode, type Operation, plainPoint } from './operation.ts';

interface CopyOperation {
  readonly kind: 'copy';
  readonly nodes: Operation['nodes'];
  readonly input: string;
  readonly inputChannel: number;
  readonly output: string;
  readonly outputChannel: number;
  readonly channels: number;
}

export interface GatherPart {
  readonly input: string;
  readonly inputChannel: number;
  readonly outputChannel: number;
  readonly channels: number;
}

/** Channels of several surfaces side by side, where layers write whole atoms only. */
export interface GatherOperation {
  readonly kind: 'gather';
  readonly nodes: Operation['nodes'];
  readonly output: string;
  readonly parts: readonly GatherPart[];
}

/** Pixels of one surface at other places of another. */
export interface PixelsOperation {
  readonly kind: 'pixels';
  readonly nodes: Operation['nodes'];
  readonly input: string;
  readonly from: PixelGrid;
  readonly output: string;
  readonly to: PixelGrid;
  readonly rows: number;
  readonly columns: number;
}

/** An operation that becomes one layer, or several on hardware that needs them. Names of values are names of surfaces. */
export type PlacedOperation =
  | Exclude<Operation, { readonly kind: 'slice' | 'crop' | 'stack' | 'concat' | 'alias' }>
  | CopyOperation
  | PixelsOperation
  | GatherOperation;

/** What the elements of a surface stand for: real = scale × integer, or the real numbers themselves, whose scale is 1. */
interface Numbers {
  readonly dtype: 'int8' | 'float16';
  readonly scale: number;
}

export interface SurfaceDraft extends Numbers {
  readonly name: string;
  readonly shape: Shape4;
  readonly role: 'input' | 'output' | 'inner';
  /** Lies inside another, from this channel on. */
  view?: { readonly of: string; readonly channel: number };
}

export interface Placement {
  /** In launch order. */
  readonly operations: readonly PlacedOperation[];
  readonly surfaces: ReadonlyMap<string, SurfaceDraft>;
}

export interface PlaceContext {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly shapeOf: (value: string) => Shape4;
  /** Of the int8 form of a value. */
  readonly scaleOf: (value: string) => number;
  readonly numbersOf: (value: string) => Numbers;
  readonly precisionOf: (operation: Operation) => Numbers['dtype'];
  /** Whether a name belongs to a value of the network, so that no surface may be called so. */
  readonly isTaken: (name: string) => boolean;
  /** Channels side by side in an atom of a type: a view starts at a multiple. */
  readonly atomOf: (dtype: Numbers['dtype']) => number;
  /** Whether layers write whole atoms only: then views end with whole atoms too, and copies are gathered. */
  readonly wholeAtoms: boolean;
}

export function place(operations: readonly Operation[], context: PlaceContext): Placement {
  const { inputs, outputs, shapeOf, scaleOf, numbersOf, precisionOf, atomOf, wholeAtoms } = context;
  const named = nameSurfaces(operations, context);
  const surfaceOf = (value: string): string => named.surfaceOf.get(value) ?? value;
  const surfaces = new Map<string, SurfaceDraft>();
  const placed: PlacedOperation[] = [];
  const isOutput = new Set(outputs);

  const fresh = (name: string): string => {
    let unique = name;
    for (let number = 2; surfaces.has(unique) || context.isTaken(unique); number++) unique = `${name}:${number}`;
    return unique;
  };
  const declare = (name: string, shape: Shape4, numbers: Numbers, role: SurfaceDraft['role']): string => {
    surfaces.set(name, { name, shape, ...numbers, role });
    return name;
  };
  const result = (value: string): string => {
    const name = surfaceOf(value);
    return declare(name, shapeOf(name), numbersOf(name), isOutput.has(name) ? 'output' : 'inner');
  };
  /** The surface of a value of a type and scale: its own, or that of a copy made for it. */
  const rescaled = (value: string, numbers: Numbers, nodes: Operation['nodes']): string => {
    const input = surfaceOf(value);
    const draft = surfaces.get(input)!;
    if (isSame(draft, numbers)) return input;
    const output = declare(fresh(`${input}:rescaled`), draft.shape, numbers, 'inner');
    placed.push({ kind: 'point', nodes, input, output, point: plainPoint });
    return output;
  };
  const converted = new Map<string, string>();
  /** The surface of a value in a precision: its own, or that of a copy that all readers of that precision share. */
  const inPrecision = (value: string, operation: Operation): string => {
    const input = surfaceOf(value);
    const draft = surfaces.get(input)!;
    const dtype = precisionOf(operation);
    if (draft.dtype === dtype) return input;
    const key = `${dtype} ${input}`;
    const known = converted.get(key);
    if (known !== undefined) return known;
    const numbers = dtype === 'float16' ? { dtype, scale: 1 } : { dtype, scale: scaleOf(value) };
    const output = declare(fresh(`${input}:${precisionName(dtype)}`), draft.shape, numbers, 'inner');
    placed.push({ kind: 'point', nodes: operation.nodes, input, output, point: plainPoint });
    converted.set(key, output);
    return output;
  };
  const copy = (
    nodes: Operation['nodes'],
    input: string,
    inputChannel: number,
    output: string,
    outputChannel: number,
  ) => {
    const channels = Math.min(
      surfaces.get(input)!.shape[1] - inputChannel,
      surfaces.get(output)!.shape[1] - outputChannel,
    );
    placed.push({ kind: 'copy', nodes, input, inputChannel, output, outputChannel, channels });
  };

  for (const input of inputs) declare(input, shapeOf(input), numbersOf(input), 'input');
  for (const operation of operations) {
    const { nodes, output } = operation;
    switch (operation.kind) {
      case 'conv':
      case 'point': {
        const { operand, table } = operation.point;
        const input = inPrecision(operation.input, operation);
        // A table goes by the numbers that the operation reads, also where they are a converted copy of the value.
        const point = {
          ...operation.point,
          ...(operand && { operand: { ...operand, value: inPrecision(operand.value, operation) } }),
          ...(table?.input === operation.input && { table: { ...table, input } }),
        };
        placed.push({ ...operation, point, input, output: result(output) });
        break;
      }
      case 'pool': {
        const input = surfaceOf(operation.input);
        const same = isSame(surfaces.get(input)!, numbersOf(surfaceOf(output)));
        const common = { nodes, input, output: result(output), pool: operation.pool };
        placed.push(same ? { kind: 'pool', ...common } : { kind: 'point', ...common, point: plainPoint });
        break;
      }
      case 'resize': {
        // An interpolation goes from scale to scale itself: rescaled before it, numbers would be cut off at the output's range twice.
        const to = numbersOf(surfaceOf(output));
        const sameType = surfaces.get(surfaceOf(operation.input))!.dtype === to.dtype;
        const input =
          operation.resize.mode === 'linear' && sameType
            ? surfaceOf(operation.input)
            : rescaled(operation.input, to, nodes);
        placed.push({ ...operation, input, output: result(output) });
        break;
      }
      case 'slice': {
        const input = rescaled(operation.input, numbersOf(surfaceOf(output)), nodes);
        const part = surfaces.get(result(output))!;
        const whole = surfaces.get(input)!;
        const atom = atomOf(whole.dtype);
        const end = operation.channel + part.shape[1];
        const aligned = operation.channel % atom === 0 && (end % atom === 0 || end === whole.shape[1]);
        if (wholeAtoms && aligned && part.role === 'inner' && whole.role === 'inner') {
          part.view = { of: input, channel: operation.channel };
        } else copy(nodes, input, operation.channel, part.name, 0);
        break;
      }
      case 'crop': {
        const input = rescaled(operation.input, numbersOf(surfaceOf(output)), nodes);
        const cut = result(output);
        const [, , rows, columns] = surfaces.get(cut)!.shape;
        placed.push({ kind: 'pixels', nodes, input, from: operation.from, output: cut, to: corner, rows, columns });
        break;
      }
      case 'stack': {
        const numbers = numbersOf(surfaceOf(output));
        const sources = operation.inputs.map((value) => rescaled(value, numbers, nodes));
        const whole = result(output);
        let at = 0;
        for (const input of sources) {
          const [, , rows, columns] = surfaces.get(input)!.shape;
          const to = operation.axis === 'h' ? { ...corner, row: at } : { ...corner, column: at };
          placed.push({ kind: 'pixels', nodes, input, from: corner, output: whole, to, rows, columns });
          at += operation.axis === 'h' ? rows : columns;
        }
        break;
      }
      case 'concat': {
        const numbers = numbersOf(surfaceOf(output));
        const sources = operation.inputs.map((value) => rescaled(value, numbers, nodes));
        const whole = result(output);
        const all = surfaces.get(whole)!.shape[1];
        const atom = atomOf(numbers.dtype);
        const parts: GatherPart[] = [];
        let channel = 0;
        for (const source of sources) {
          const draft = surfaces.get(source)!;
          const channels = draft.shape[1];
          const end = channel + channels;
          const aligned = channel % atom === 0 && (!wholeAtoms || end % atom === 0 || end === all);
          if (draft.role === 'inner' && draft.view === undefined && aligned) draft.view = { of: whole, channel };
          else if (wholeAtoms) parts.push({ input: source, inputChannel: 0, outputChannel: channel, channels });
          else copy(nodes, source, 0, whole, channel);
          channel = end;
        }
        if (parts.length > 0) placed.push({ kind: 'gather', nodes, output: whole, parts });
        break;
      }
      case 'alias': {
        if (!named.rescales.has(operation)) break;
        const input = surfaceOf(operation.input);
        placed.push({ kind: 'point', nodes, input, output: result(output), point: plainPoint });
        break;
      }
      default:
        // One surface in, one out.
        placed.push({ ...operation, input: inPrecision(operation.input, operation), output: result(output) });
        break;
    }
  }
  for (const { value, from, nodes } of named.copies) copy(nodes, from, 0, result(value), 0);
  return { operations: placed, surfaces };
}

const isSame = (a: Numbers, b: Numbers): boolean => a.dtype === b.dtype && a.scale === b.scale;

/** Every pixel. */
const corner: PixelGrid = { row: 0, column: 0, step: { h: 1, w: 1 } };

interface Names {
  /** Values that lie in the surface of another. */
  readonly surfaceOf: ReadonlyMap<string, string>;
  /** Aliases whose output has another scale than their input. */
  readonly rescales: ReadonlySet<Operation>;
  /** Values that need a buffer of their own although their numbers lie elsewhere: second outputs, and outputs that are inputs. */
  readonly copies: readonly { readonly value: string; readonly from: string; readonly nodes: Operation['nodes'] }[];
}

/** Names the surface of every family of aliases: after the input it comes from, else after its first output, else its first value. */
function nameSurfaces(operations: readonly Operation[], { inputs, outputs, numbersOf }: PlaceContext): Names {
  const family = new Map<string, string>();
  const members = new Map<string, { value: string; nodes: Operation['nodes'] }[]>();
  const rescales = new Set<Operation>();
  for (const operation of operations) {
    if (operation.kind !== 'alias') continue;
    if (!isSame(numbersOf(operation.input), numbersOf(operation.output))) {
      rescales.add(operation);
      continue;
    }
    const root = family.get(operation.input) ?? operation.input;
    family.set(operation.output, root);
    const list = members.get(root) ?? [];
    list.push({ value: operation.output, nodes: [lastNode(operation)] });
    members.set(root, list);
  }
  const isOutput = new Set(outputs);
  const isInput = new Set(inputs);
  const surfaceOf = new Map<string, string>();
  const copies: Names['copies'][number][] = [];
  for (const [root, list] of members) {
    const bound = list.filter(({ value }) => isOutput.has(value));
    const name = isInput.has(root) || isOutput.has(root) ? root : (bound[0]?.value ?? root);
    for (const value of [root, ...list.map((member) => member.value)]) surfaceOf.set(value, name);
    for (const { value, nodes } of bound) {
      if (value === name) continue;
      surfaceOf.delete(value);
      copies.push({ value, from: name, nodes });
    }
  }
  return { surfaceOf, rescales, copies };
}
