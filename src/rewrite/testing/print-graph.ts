/** A graph as lines that a reviewer reads: `y [1,8,4,4] = Conv(x, W, b) group=1`. Shapes of constants in parentheses. */

import type { Attribute, Graph } from '../../graph/graph.ts';

export function printGraph(graph: Graph): string {
  const typed = (value: string) => `${value} [${graph.values.get(value)?.shape?.join(',') ?? '?'}]`;
  const operand = (value: string) => {
    const tensor = graph.constants.get(value);
    return tensor ? `${value} (${tensor.shape.join(',')})` : value === '' ? '_' : value;
  };
  return [
    `in ${graph.inputs.map(typed).join(', ')}`,
    ...graph.nodes.map((node) => {
      const attributes = Object.entries(node.attributes).map(([name, value]) => ` ${name}=${printAttribute(value)}`);
      const from = node.origin.join() === node.name ? '' : ` from ${node.origin.join('+')}`;
      const results = node.outputs.map(typed).join(', ');
      return `${results} = ${node.op}(${node.inputs.map(operand).join(', ')})${attributes.join('')}${from}`;
    }),
    `out ${graph.outputs.join(', ')}`,
  ].join('\n');
}

const printAttribute = (attribute: Attribute): string =>
  attribute.kind === 'tensor' || attribute.kind === 'graph' ? attribute.kind : JSON.stringify(attribute.value);
