/** Graphs for tests that care for wiring, not for shapes: every value is float32 unless it is listed as a constant. */

import type { Attribute, Graph, ValueType } from '../../graph/graph.ts';
import { float32Tensor } from '../../graph/tensor.ts';

/** `y = Op(a, b)`, optionally `mode=nearest` behind it; `W…` are constants, `x…` network inputs. */
export function chain(lines: readonly string[], outputs: readonly string[]): Graph {
  const values = new Map<string, ValueType>();
  const constants = new Map<string, ReturnType<typeof float32Tensor>>();
  const inputs: string[] = [];
  const nodes = lines.map((line, index) => {
    const [, results, op, operands, mode] = /^(.+) = (\w+)\(([^)]*)\)(?: mode=(\w+))?$/.exec(line)!;
    const names = operands!.split(', ');
    for (const name of [...names, ...results!.split(', ')]) {
      values.set(name, { dtype: 'float32', shape: [1, 1, 1, 1] });
      if (name.startsWith('W')) constants.set(name, float32Tensor([1], [1]));
      if (name.startsWith('x') && !inputs.includes(name)) inputs.push(name);
    }
    const attributes: Record<string, Attribute> = mode ? { mode: { kind: 'string', value: mode } } : {};
    const name = `${op}_${index}`;
    return { name, op: op!, domain: '', inputs: names, outputs: results!.split(', '), attributes, origin: [name] };
  });
  return { name: 'chain', opsets: { '': 17 }, inputs, outputs, nodes, constants, values };
}
