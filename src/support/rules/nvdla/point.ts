/** What the single-point processor of the open NVDLA takes. */

import type { Node } from '../../../graph/graph.ts';
import { batchNormalizationOf } from '../../../graph/operators/point.ts';
import { numbers } from '../../../graph/tensor.ts';
import { always, constantInput, type Rule, type RuleContext, rule, times } from '../../rule.ts';
import { base, perChannel, refused } from './base.ts';

const binary = ['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Sum'];

/** Parameters of operators that are numbers of registers and tables. */
const parameters: Readonly<Record<string, readonly (readonly [index: number, what: string])[]>> = {
  BatchNormalization: [
    [1, 'scale'],
    [2, 'bias'],
    [3, 'mean'],
    [4, 'variance'],
  ],
  Clip: [
    [1, 'minimum'],
    [2, 'maximum'],
  ],
  PRelu: [[1, 'slope']],
};

export const openNvdlaPointRules: readonly Rule[] = [
  rule({
    ...base,
    id: 'nvdla/constant-parameters',
    operators: ['BatchNormalization', 'Clip', 'PRelu'],
    doc: 'Statistics, bounds and slopes are constants: they are registers and tables of the single-point unit.',
    limits: always('constant', 'nvdla/doc, SDP'),
    test: (node, context) =>
      parameters[node.op]!.map(([index, what]) => constantInput(index, what)(node, context)).find((found) => found),
  }),
  rule({
    ...base,
    id: 'nvdla/training',
    operators: ['BatchNormalization', 'Dropout'],
    doc: 'Only inference runs: batch normalization has its statistics and gives none, dropout gives no mask.',
    limits: always(1, 'nvdla/doc, SDP'),
    test: (node, context, limit) => {
      if (node.op === 'BatchNormalization' && batchNormalizationOf(node, context).training) {
        return { message: 'it is in training mode', values: { limit: 'inference', value: 'training' } };
      }
      const more = node.outputs.slice(1).find((name) => name !== '' && isUsed(name, context));
      return more === undefined ? undefined : refused(node.outputs.length, limit, 'outputs');
    },
  }),
  rule({
    ...base,
    id: 'nvdla/operands',
    operators: ['Max', 'Min', 'Sum'],
    doc: 'A maximum, a minimum or a sum has two operands.',
    limits: always(2, 'nvdla/doc, SDP: one operand for each unit'),
    test: ({ inputs }, _, limit) =>
      inputs.length === limit
        ? undefined
        : {
            ...refused(inputs.length, limit, 'operands'),
            fix: { advice: 'Write it as a chain of operators with two operands each.' },
          },
  }),
  rule({
    ...base,
    id: 'nvdla/divisor',
    operators: ['Div'],
    doc: 'The divisor is a constant: the single-point unit multiplies.',
    limits: always('constant', 'nvdla/doc, SDP'),
    test: constantInput(1, 'divisor'),
  }),
  rule({
    ...base,
    id: 'nvdla/broadcast',
    operators: ['Add', 'Sub', 'Mul', 'Max', 'Min', 'Sum'],
    doc: 'Two run-time operands have equal shapes, or one is N×C×1×1: SDP reads an operand for each point or each channel.',
    limits: always('equal, or N×C×1×1', 'nvdla/doc, SDP: sources of operands'),
    test: (node, context, limit) => {
      const output = context.shape(node.outputs[0]);
      const shapes = runTime(node, context).map((name) => context.shape(name));
      if (!output || shapes.length < 2) return undefined;
      const channels = times([...output.slice(0, 2), 1, 1]);
      const full = times(output);
      const fits = shapes.map((shape) => shape === undefined || [full, channels].includes(times(shape)));
      if (fits.every((fit) => fit) && shapes.some((shape) => shape === undefined || times(shape) === full)) {
        return undefined;
      }
      const value = shapes.map((shape) => times(shape ?? [])).join(' and ');
      return {
        ...refused(value, limit, 'operands'),
        fix: { advice: 'Bring the operands to one shape, or reduce the smaller to one value per channel.' },
      };
    },
  }),
  rule({
    ...base,
    id: 'nvdla/constant-operand',
    operators: [...binary, 'PRelu'],
    doc: 'A constant operand is one number or one for each channel, and makes the other operand no larger; of a maximum or a minimum it is one number.',
    limits: always('one number, or one for each channel', 'nvdla/doc, SDP: sources of operands'),
    test: (node, context, limit) => {
      const output = context.shape(node.outputs[0]);
      const varying = runTime(node, context).map((name) => context.shape(name));
      if (!output || varying.length !== 1) return undefined;
      const constants = node.inputs.filter((name) => context.constant(name));
      for (const name of constants) {
        const tensor = context.constant(name)!;
        const one = node.op === 'Max' || node.op === 'Min';
        const [first] = numbers(tensor);
        const fits = one ? numbers(tensor).every((value) => value === first) : perChannel(tensor.shape, output);
        const grows = varying[0] !== undefined && times(varying[0]) !== times(output);
        if (fits && !grows) continue;
        const value = grows ? `${times(varying[0]!)} to ${times(output)}` : times(tensor.shape);
        return refused(value, one ? 'one number' : limit, 'constant');
      }
      return undefined;
    },
  }),
];

const runTime = ({ inputs }: Node, context: RuleContext): readonly string[] =>
  inputs.filter((name) => name !== '' && !context.constant(name));

const isUsed = (value: string, { consumers, graph }: RuleContext): boolean =>
  consumers(value).length > 0 || graph.outputs.includes(value);
