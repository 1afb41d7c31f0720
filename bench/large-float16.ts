/** The kind of file that takes longest to look at: 44 million weights in float16, 700 nodes, operators with and without a rule. */

import { float16Bits } from '../src/base/float16.ts';
import { Random } from '../src/base/random.ts';
import type { Attribute, Node, ValueType } from '../src/graph/graph.ts';
import type { Tensor } from '../src/graph/tensor.ts';
import { writeModel } from '../src/onnx/write.ts';

const blocks = 233;
const channels = 144;

/** An ONNX file of a chain of 3×3 convolutions with SiLU, HardSwish or Neg behind. */
export function largeFloat16(): Uint8Array {
  const nodes: Node[] = [];
  const constants = new Map<string, Tensor>();
  const features: ValueType = { dtype: 'float16', shape: [1, channels, 20, 20] };
  const values = new Map([['x', features]]);
  const add = (op: string, inputs: readonly string[], output: string, attributes: Record<string, Attribute> = {}) => {
    const name = `${op}_${nodes.length}`;
    nodes.push({ name, op, domain: '', inputs, outputs: [output], attributes, origin: [name] });
    return output;
  };
  const ones: Attribute = { kind: 'ints', value: [1, 1, 1, 1] };
  // A thousand different numbers are as hard to convert as any.
  const pool = Uint16Array.from(new Random(1).symmetric(1000, 0.05), float16Bits);
  let value = 'x';
  for (let block = 0; block < blocks; block++) {
    const weights = Uint16Array.from({ length: channels * channels * 9 }, (_, index) => pool[(index + block) % 1000]!);
    const shape = [channels, channels, 3, 3];
    constants.set(`w${block}`, { dtype: 'float16', shape, bytes: new Uint8Array(weights.buffer) });
    const sum = add('Conv', [value, `w${block}`], `c${block}`, {
      pads: ones,
      kernel_shape: { kind: 'ints', value: [3, 3] },
    });
    if (block % 10 === 3) value = add('HardSwish', [sum], `a${block}`);
    else if (block % 10 === 5) value = add('Neg', [sum], `a${block}`);
    else value = add('Mul', [sum, add('Sigmoid', [sum], `s${block}`)], `a${block}`);
  }
  values.set(value, features);
  return writeModel({ name: 'large', opsets: { '': 17 }, inputs: ['x'], outputs: [value], nodes, constants, values });
}
