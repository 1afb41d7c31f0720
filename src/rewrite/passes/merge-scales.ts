/**
 * Chains of per-channel constants shrink to one Mul and one Add, in that order: (x·a)·b → x·(a·b), (x + a) + b →
 * x + (a + b), (x + a)·b → x·b + a·b.
 */

import type { Pass } from '../pass.ts';
import { allFinite, channelOperation, channelTensor, perChannel, sameShape } from '../pattern.ts';

export const mergeScales: Pass = {
  name: 'merge-scales',
  doc: 'Merges chains of Mul and Add with per-channel constants into one Mul and one Add.',
  since: 'The DLA has one Scale layer, y = x·a + b (docs/hardware/orin.md#scale); each further one is a launch.',
  kind: 'normalize',
  match(node, view) {
    const outer = channelOperation(view, node);
    if (!outer || view.soleReader(outer.data) !== node) return undefined;
    const inner = channelOperation(view, view.producer(outer.data));
    const shape = inner && view.shape(inner.data);
    if (!inner || !shape || !sameShape(shape, view.shape(outer.data))) return undefined;
    if (inner.op === 'Mul' && outer.op === 'Add') return undefined;
    const channels = Math.max(inner.values.length, outer.values.length);
    const combined = Float32Array.from({ length: channels }, (_, channel) => {
      const a = perChannel(inner.values, channel);
      const b = perChannel(outer.values, channel);
      return outer.op === 'Add' ? a + b : a * b;
    });
    if (!allFinite(combined)) return undefined;
    const rank = shape.length;
    const [output] = node.outputs as [string];
    const name = view.fresh(node.name, 'merged');
    const remove = [inner.node, node];
    if (inner.op === outer.op) {
      return {
        remove,
        insert: [{ name: node.name, op: node.op, inputs: [inner.data, name], outputs: [output] }],
        constants: [[name, channelTensor(combined, rank)]],
      };
    }
    const factor = node.inputs.find((input) => input !== outer.data)!;
    const scaled = view.fresh(output, 'scaled');
    return {
      remove,
      insert: [
        { name: node.name, op: 'Mul', inputs: [inner.data, factor], outputs: [scaled] },
        { name: inner.node.name, op: 'Add', inputs: [scaled, name], outputs: [output] },
      ],
      constants: [[name, channelTensor(combined, rank)]],
      values: [[scaled, view.type(inner.data)!]],
    };
  },
};
