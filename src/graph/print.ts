/**
 * A Graph as text that people read and parse.ts reads back. One line a node:
 *
 *     graph net opset 17 {
 *       input x: float32[N, 3, 8, 8]
 *       const w: float32[4, 3, 3, 3] #9f86d081884c7d65
 *       Conv_0 = Conv(x, w) -> y: float32[N, 4, 6, 6] { pads=[0, 0, 0, 0], group=1 } from "Conv_a", "Bn_a"
 *       scale x = 0.02f
 *       output y
 *     }
 *
 * Constants appear as type, shape and a hash of both and their bytes; `constantTable` of parse.ts has the tensors. Names that
 * match {@link bareName} stand bare, others in JSON quotes; `_` is an absent input. Text after `//` is a comment.
 */

import { sha256Hex } from '../base/hashing.ts';
import type { Attribute, Dim, Graph, Node, ValueType } from './graph.ts';
import { elementCount, numbers, type Tensor } from './tensor.ts';

const keywords: ReadonlySet<string> = new Set([
  'input',
  'const',
  'value',
  'output',
  'scale',
  'from',
  'graph',
  'tensor',
  'opset',
]);

/** A name that needs no quotes; `//` alone would begin a comment. */
const bareName = /^(?!\/\/$)[A-Za-z/][\w./-]*$/;

export const printGraph = (graph: Graph): string => `graph ${body(graph, '')}\n`;

/** Sixteen hexadecimal digits of type, shape and bytes. */
export const tensorHash = ({ dtype, shape, bytes }: Tensor): string =>
  sha256Hex(new TextEncoder().encode(`${dtype}[${shape.join(',')}] ${sha256Hex(bytes)}`)).slice(0, 16);

function body(graph: Graph, indent: string): string {
  const shown = new Set([...graph.inputs, ...graph.constants.keys(), ...graph.nodes.flatMap((node) => node.outputs)]);
  const strays = [...graph.values].filter(([name]) => !shown.has(name));
  const inner = `${indent}  `;
  const lines = [
    ...graph.inputs.map((name) => `input ${printTyped(name, graph.values.get(name))}`),
    ...[...graph.constants].map(
      ([name, tensor]) => `const ${printName(name)}: ${printTensor(tensor)}${preview(tensor)}`,
    ),
    ...graph.nodes.map((node) => printNode(node, graph, inner)),
    ...strays.map(([name, type]) => `value ${printTyped(name, type)}`),
    ...[...(graph.scales ?? [])].map(([name, scale]) => `scale ${printName(name)} = ${printFloat(scale)}`),
    ...graph.outputs.map((name) => `output ${printName(name)}`),
  ];
  const opsets = Object.entries(graph.opsets).map(([domain, version]) =>
    domain === '' ? `${version}` : `${printName(domain)} ${version}`,
  );
  const opset = opsets.length > 0 ? ` opset ${opsets.join(', ')}` : '';
  return `${printName(graph.name)}${opset} {\n${lines.map((line) => `${inner}${line}\n`).join('')}${indent}}`;
}

function printNode(node: Node, graph: Graph, indent: string): string {
  const domain = node.domain === '' ? '' : `@${printName(node.domain)}`;
  const attributes = Object.entries(node.attributes).map(
    ([name, attribute]) => `${printName(name)}=${printAttribute(attribute, indent)}`,
  );
  const own = node.origin.length === 1 && node.origin[0] === node.name;
  return [
    `${printName(node.name)} = ${printName(node.op)}${domain}(${node.inputs.map(printName).join(', ')})`,
    ` -> ${node.outputs.map((name) => printTyped(name, graph.values.get(name))).join(', ')}`,
    attributes.length > 0 && ` { ${attributes.join(', ')} }`,
    !own && ` from ${node.origin.map(printName).join(', ') || '[]'}`,
  ]
    .filter((part) => part !== false)
    .join('');
}

function printAttribute(attribute: Attribute, indent: string): string {
  switch (attribute.kind) {
    case 'int':
      return printInt(attribute.value);
    case 'float':
      return printFloat(attribute.value);
    case 'string':
      return JSON.stringify(attribute.value);
    case 'ints':
      return printList('i', attribute.value.map(printInt));
    case 'floats':
      return printList('f', attribute.value.map(printFloat));
    case 'strings':
      return printList(
        's',
        attribute.value.map((text) => JSON.stringify(text)),
      );
    case 'tensor':
      return `tensor ${printTensor(attribute.value)}`;
    case 'graph':
      return `graph ${body(attribute.value, indent)}`;
  }
}

/** A list; an empty one names the kind of its items, so that parsing knows it. */
const printList = (kind: string, items: readonly string[]): string =>
  items.length === 0 ? `[]${kind}` : `[${items.join(', ')}]`;

const printInt = (value: number): string => BigInt(value).toString();

const printFloat = (value: number): string => `${Object.is(value, -0) ? '-0' : value}f`;

const printTensor = (tensor: Tensor): string => `${printType(tensor)} #${tensorHash(tensor)}`;

function preview(tensor: Tensor): string {
  const count = elementCount(tensor.shape);
  return count <= 8 && tensor.dtype !== 'string' ? `  // ${numbers(tensor).join(', ')}` : '';
}

const printTyped = (name: string, type: ValueType | undefined): string =>
  type === undefined ? printName(name) : `${printName(name)}: ${printType(type)}`;

const printType = ({ dtype, shape }: ValueType): string =>
  shape === undefined ? dtype : `${dtype}[${shape.map(printDim).join(', ')}]`;

const printDim = (dim: Dim): string => (typeof dim === 'number' ? String(dim) : printName(dim));

function printName(name: string): string {
  if (name === '') return '_';
  return bareName.test(name) && !keywords.has(name) ? name : JSON.stringify(name);
}
