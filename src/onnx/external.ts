/**
 * Weights outside the model file. A tensor names a file relative to the model, an offset and a length. The location
 * comes from the file, so it is untrusted: only paths below the model's folder are accepted.
 */

import { fail, locate, type Place } from '../base/errors.ts';
import { decodeModel } from './proto/decode.ts';
import { externalLocation, type GraphProto, type NodeProto, type TensorProto } from './proto/onnx.ts';

/**
 * The files beside a model that hold its external data, as the model spells them, sorted; none for most models.
 *
 * @throws onnx/external-data when a location is absolute or leaves the folder; and as readModel when the bytes are no model
 */
export function externalFiles(bytes: Uint8Array, options: { readonly file?: string } = {}): readonly string[] {
  return locate(options.file === undefined ? {} : { file: options.file }, () => {
    const { graph, functions } = decodeModel(bytes);
    const all = [...(graph ? tensorsOf(graph) : []), ...functions.flatMap(({ node }) => [...tensorsOfNodes(node)])];
    const locations = all.filter(isExternal).map((tensor) => reference(tensor).location);
    return [...new Set(locations)].sort();
  });
}

export const isExternal = (tensor: TensorProto): boolean => tensor.dataLocation === externalLocation;

/** The `size` bytes of an external tensor, as a view. @throws onnx/external-data, onnx/tensor-size */
export function externalBytes(
  tensor: TensorProto,
  size: number,
  files: ReadonlyMap<string, Uint8Array> | undefined,
): Uint8Array {
  const place = placeOf(tensor);
  const { location, offset, length } = reference(tensor);
  const file = files?.get(location);
  if (file === undefined) {
    const detail = { expected: `${location} beside the model, ${offset + size} bytes`, actual: 'no such file' };
    fail('onnx/external-data', `the external data file ${location} is missing`, place, detail);
  }
  if (length !== undefined && length !== size) {
    fail('onnx/tensor-size', 'the external data has the wrong length', place, {
      expected: `${size} bytes`,
      actual: `${length} bytes`,
    });
  }
  if (offset + size > file.length) {
    fail('onnx/external-data', `the external data file ${location} is too short`, place, {
      expected: `at least ${offset + size} bytes`,
      actual: `${file.length} bytes`,
    });
  }
  return file.subarray(offset, offset + size);
}

interface Reference {
  readonly location: string;
  readonly offset: number;
  readonly length?: number;
}

function reference(tensor: TensorProto): Reference {
  const place = placeOf(tensor);
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key ?? '', value ?? '']));
  const location = entries.get('location');
  if (location === undefined || location === '') fail('onnx/external-data', 'the tensor names no external file', place);
  const segments = location.split(/[\\/]/);
  if (/^([\\/]|[A-Za-z]:)/.test(location) || segments.includes('..') || location.includes('\0')) {
    fail('onnx/external-data', 'the external data lies outside the folder of the model', place, { actual: location });
  }
  const offset = byteNumber(entries.get('offset'), 'offset', place) ?? 0;
  const length = byteNumber(entries.get('length'), 'length', place);
  return { location, offset, ...(length !== undefined && { length }) };
}

function byteNumber(text: string | undefined, what: string, place: Place): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text))
    fail('onnx/external-data', `the ${what} of the external data is no number`, place, { actual: text });
  return Number(text);
}

function* tensorsOf(graph: GraphProto): Generator<TensorProto> {
  yield* graph.initializer;
  yield* tensorsOfNodes(graph.node);
}

function* tensorsOfNodes(nodes: readonly NodeProto[]): Generator<TensorProto> {
  for (const node of nodes) {
    for (const { t, g } of node.attribute) {
      if (t) yield t;
      if (g) yield* tensorsOf(g);
    }
  }
}

const placeOf = (tensor: TensorProto): Place => ({ value: tensor.name || 'unnamed tensor' });
