import { describe, expect, it } from 'vitest';
import type { Graph } from '../graph/graph.ts';
import { macs } from './macs.ts';
import { convolution, network, single } from './testing/network.ts';

const of = (graph: Graph) => macs(graph.nodes[0]!, graph);

describe('macs', () => {
  it.each([
    ['Conv', convolution({ channels: 8, kernels: 16, size: [5, 7], kernel: [3, 1] }), 3 * 7 * 16 * 8 * 3],
    ['batch', convolution({ batch: 4, channels: 8, kernels: 16, size: [1, 1], kernel: [1, 1] }), 4 * 16 * 8],
    ['strided', convolution({ size: [9, 9], attributes: { strides: [2, 2] } }), 4 * 4 * 8 * 8 * 9],
    ['depthwise', convolution({ size: [9, 9], attributes: { group: 8 } }), 7 * 7 * 8 * 9],
    ['ConvTranspose', convolution({ op: 'ConvTranspose', channels: 4, kernels: 6, size: [5, 5] }), 25 * 4 * 6 * 9],
    ['Gemm', single('Gemm', { x: [3, 10], y: [3, 7] }, {}, { constants: { w: [10, 7] } }), 3 * 10 * 7],
    ['Gemm, transposed', single('Gemm', { x: [10, 3], y: [3, 7] }, { transA: 1 }, { constants: { w: [10, 7] } }), 210],
    ['MatMul', single('MatMul', { a: [2, 5, 3], b: [2, 3, 4], y: [2, 5, 4] }), 2 * 5 * 3 * 4],
    ['Relu', single('Relu', { x: [2, 5], y: [2, 5] }), 0],
    ['dynamic', single('Conv', { x: ['n', 1, 4, 4], y: ['n', 1, 4, 4] }, {}, { constants: { w: [1, 1, 1, 1] } }), 0],
  ])('%s', (_, graph, expected) => {
    expect(of(graph)).toBe(expected);
  });

  it('does not count operators of other domains', () => {
    const graph = network({
      shapes: { x: [1, 1, 1, 1], y: [1, 1, 1, 1] },
      constants: { w: [1, 1, 1, 1] },
      nodes: [{ op: 'Conv', domain: 'com.example', inputs: ['x', 'w'], outputs: ['y'] }],
    });
    expect(of(graph)).toBe(0);
  });
});
