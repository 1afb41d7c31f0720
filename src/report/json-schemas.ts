/**
 * The JSON that `dla check` and `dla report` write, as zod schemas. schema/*.json is generated from them (`npm run docs`), and
 * tests hold what is written to them. Objects are strict: a field that is written and not described here fails a test.
 */

import { precisionNames } from '../base/data-type.ts';
import * as z from '../base/schema.ts';
import { orinEngines } from '../estimate/orin/engines.ts';
import { evidenceClasses } from '../estimate/orin/evidence.ts';
import { preprocessSchema } from '../graph/preprocess.ts';
import { checkSchemaVersion } from './check-json.ts';
import { reportSchemaVersion } from './make-report.ts';

const text = z.string();
const texts = z.array(z.string());
const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const amount = z.number().min(0);
const precision = z.enum(precisionNames);
const pair = z.tuple([z.number(), z.number()]);
const numberOrText = z.union([z.number(), z.string()]);

const refusal = z
  .strictObject({
    rule: text.describe('Stable id, see docs/rules.md.'),
    doc: text.describe('The rule in a sentence.'),
    source: text.describe('Where the rule is published.'),
    message: text.describe('One sentence with the node, its own numbers and the rule.'),
    values: z
      .object({ limit: numberOrText, value: numberOrText })
      .catchall(numberOrText)
      .describe('The numbers of the message; limit and value are always there.'),
    fix: z
      .strictObject({ rewrite: text.describe('The rewrite pass that does it.').optional(), advice: text })
      .optional(),
  })
  .meta({ id: 'refusal' });

const checkedSegment = z
  .strictObject({
    kind: z.enum(['dla', 'gpu', 'host']),
    name: text.describe('{ForeignNode[first...last]} for DLA segments.'),
    nodes: texts.min(1),
    macs: amount,
    why: text
      .optional()
      .describe(
        'What keeps it apart from the DLA segments before it: batch 1 beside batch 2, behind Softmax_3, 16 loadables.',
      ),
  })
  .meta({ id: 'checkedSegment' });

const elsewhere = z
  .enum(['gpu', 'host'])
  .describe("Who runs what the DLA does not: TensorRT's GPU, or the host of an open NVDLA.");

const macs = z
  .strictObject({ total: amount, dla: amount })
  .describe('Multiply-accumulates of the whole network and of its DLA segments.');

const scales = z
  .strictObject({
    needed: count.describe('Tensors that need an INT8 scale.'),
    missing: z
      .array(
        z.strictObject({
          tensor: text,
          nodes: texts.describe('What runs in FP16 because of it.'),
          remedy: z.enum(['calibrate', 'propagate', 'fuse']).describe('What gives it a scale.'),
        }),
      )
      .describe('Those that have none.'),
    islands: z.array(texts.min(1)).describe('Nodes that run in FP16, those together that hand on to one another.'),
    fused: texts.describe('Results of convolutions that are added within the launch and have no scale.'),
    propagated: z
      .array(z.strictObject({ tensor: text, from: text, scale: z.number().positive() }))
      .describe('Tensors that have the scale of a neighbour.'),
    unmatched: z
      .array(z.strictObject({ name: text, kind: z.enum(['rewritten', 'fused', 'unknown']), nearest: texts }))
      .describe('Names of the given ranges that are of no tensor of the network.'),
  })
  .describe('Of the ranges that --calib gives, or that a quantized network states.');

/** schema/check.schema.json */
export const checkSchema = z
  .strictObject({
    $schema: text,
    schemaVersion: z.literal(checkSchemaVersion),
    network: text.describe('Name of the graph in the ONNX file.'),
    target: text.describe('orin, xavier, nv_small, …'),
    release: text.describe('The software release whose rules were applied.'),
    precision,
    elsewhere,
    macs,
    nodes: z
      .array(
        z.strictObject({
          node: text,
          op: text.describe('The ONNX operator.'),
          state: z
            .enum(['dla', 'gpu', 'host', 'build-time', 'not-emulated'])
            .describe(
              "dla; gpu: refused by a rule; host: the same beside an open NVDLA, which has no GPU; build-time: vanishes before anything runs; not-emulated: on the DLA of the board, but dlakit's own compiler cannot lower it.",
            ),
          refusals: z.array(refusal).describe('Every rule that refuses the node. Empty unless state is gpu or host.'),
          warnings: texts,
        }),
      )
      .describe('Every node of the model, in topological order.'),
    segments: z
      .array(checkedSegment)
      .describe('Contiguous runs, in the order in which they execute. Each DLA segment is one loadable.'),
    notes: texts.describe('What holds for the network as a whole.'),
    scales: scales.optional(),
  })
  .meta({
    title: 'dlakit check',
    description: 'Which nodes of a network a DLA runs, and which rule sends the others to the GPU.',
  });

const checkResult = z
  .strictObject({
    network: text,
    target: text,
    release: text,
    precision,
    elsewhere,
    verdicts: z.array(
      z.strictObject({
        node: text,
        op: text,
        placement: z.enum(['dla', 'gpu', 'host', 'build-time']),
        refusals: z.array(refusal),
        warnings: texts,
      }),
    ),
    segments: z.array(checkedSegment),
    macs,
    notes: texts,
  })
  .meta({ id: 'check' });

const gain = z
  .strictObject({
    gpuNodes: pair.describe('Nodes that the GPU runs (beside an open NVDLA: the host).'),
    loadables: pair,
    crossings: pair.describe('Tensors that the DLA hands to the GPU, or the GPU to the DLA.'),
    dlaMacs: pair.describe('Share of multiply-accumulates on the DLA.'),
    dlaTime: pair
      .describe(
        'Time of the DLA segments in the fastest mode. It rises with the work that the DLA takes over from the GPU, which is not timed. Absent when either network cannot be compiled.',
      )
      .optional(),
    latency: pair
      .describe(
        'Time of the whole engine in the fastest mode: of the DLA segments, and of what lies around them. Absent as above.',
      )
      .optional(),
  })
  .describe('Each: before, after.')
  .meta({ id: 'gain' });

const layerEstimate = z
  .strictObject({
    segment: count,
    layer: count,
    name: text,
    origin: texts,
    kind: text,
    macs: amount,
    macCycles: amount,
    compute: amount,
    memory: amount,
    overhead: amount,
    total: amount,
    promoted: z
      .array(z.strictObject({ what: text, total: amount }))
      .describe('Launches that the board needs besides, in FP16 and around it; they are in the times.')
      .optional(),
    bound: z.enum(['compute', 'memory', 'overhead']),
    utilisation: amount,
    traffic: z.strictObject({ input: amount, operand: amount, weights: amount, output: amount, restream: amount }),
    inputMemory: z.enum(['managed_sram', 'dram']),
    outputMemory: z.enum(['managed_sram', 'dram']),
    placed: z
      .strictObject({ engine: z.enum(orinEngines), lanes: z.array(count).min(1), start: amount, end: amount })
      .describe('On orin and xavier: the engine it runs in, and when in the schedule, from the beginning on one core.')
      .optional(),
    stripe: z
      .strictObject({
        engines: z.array(
          z.strictObject({ engine: z.enum(['conv', 'sdp', 'pdp', 'cdp', 'rubik', 'bdma']), busy: amount }),
        ),
        reads: z.array(
          z.strictObject({
            client: z.enum(['features', 'weights', 'sdp', 'sdp x1', 'sdp x2', 'sdp y', 'pdp', 'cdp', 'rubik', 'bdma']),
            size: amount,
            busy: amount,
          }),
        ),
        written: amount,
        launch: amount,
        fill: amount,
        drain: amount,
        start: amount,
        end: amount,
        limit: text,
        reasons: texts,
      })
      .describe('Of an open NVDLA: cycles and bytes of one image.')
      .optional(),
  })
  .meta({ id: 'layerEstimate' });

const estimate = z
  .strictObject({
    network: text,
    target: text,
    module: text,
    powerMode: text,
    dlaClock: amount.describe('MHz'),
    dramBandwidth: amount.describe('10^9 bytes per second'),
    cores: count,
    batch: count,
    layers: z.array(layerEstimate),
    latency: amount.describe(
      'Microseconds of one batch on one core, as scheduled, with what lies around the DLA; nodes on the GPU count as launches there.',
    ),
    imagesPerSecond: amount,
    utilisation: amount,
    dramBytesPerImage: amount,
    evidence: z
      .strictObject({ class: z.enum(evidenceClasses), error: text })
      .describe(
        'What stands behind the number: whether it was published, the network judged, the machine and mode seen.',
      ),
    asBuilt: z
      .strictObject({
        bindings: z.enum(['native', 'fp32']),
        parts: z.array(
          z.strictObject({
            kind: z.enum(['hand-over', 'reformat', 'gpu']),
            segment: count,
            what: text,
            count,
            time: amount,
            start: amount,
            end: amount,
          }),
        ),
        time: amount,
      })
      .describe(
        'On orin and xavier: microseconds that an engine spends around the tasks of the DLA, which are in the latency. `count`: elements of a reformat, nodes on the GPU.',
      )
      .optional(),
    schedule: z
      .strictObject({ sequential: amount, longestChain: amount })
      .describe(
        'On orin and xavier: microseconds of all launches one after the other, and of the longest chain of launches that wait for one another.',
      )
      .optional(),
    stripe: z
      .strictObject({
        latencyCycles: amount,
        outstanding: amount,
        launchCycles: amount,
        scheduled: amount,
        sequential: amount,
        sheet: amount,
      })
      .describe(
        "Of an open NVDLA: cycles of one image, as scheduled, one launch after the other, and by NVIDIA's spreadsheet; and the system that they hold for.",
      )
      .optional(),
    notes: texts,
  })
  .meta({ id: 'estimate' });

const accuracy = z.strictObject({ top1: z.number().min(0).max(1), top5: z.number().min(0).max(1) });

const divergence = z.strictObject({
  value: text,
  snr: z.number().nullable().describe('Decibel; null when the tensor is equal to its real one.'),
  cosine: z.number().min(-1).max(1),
  saturated: z.number().min(0).max(1).describe('Share of elements beyond what the type of the DLA can hold.'),
});

const range = amount.describe('Largest |x| that the scale covers.');

const lossCause = z.union([
  z
    .strictObject({ cause: z.literal('equal-range'), own: amount, range, nodes: texts })
    .describe('It has the range of tensors that it is tied to by nodes, which is larger than its own.'),
  z
    .strictObject({ cause: z.literal('outlier-channel'), largest: amount, median: amount })
    .describe(
      'Channels of very different size have one scale: largest |x| of the largest channel and of the one in the middle.',
    ),
  z
    .strictObject({ cause: z.literal('saturated'), largest: amount, range })
    .describe('Its range leaves out what is larger.'),
  z.strictObject({ cause: z.literal('table') }).describe('It indexes a table of 256 entries.'),
  z.strictObject({ cause: z.literal('rounding') }).describe('Nothing but its 255 levels.'),
]);

const loss = z.strictObject({
  value: text,
  share: z.number().min(0).max(1).describe('Of what all roundings cost the outputs.'),
  snr: z.number().describe('Decibel of the outputs when this tensor alone is rounded.'),
  reason: lossCause,
});

const evaluation = z
  .strictObject({
    network: text,
    target: text,
    precision,
    samples: count,
    calibration: text,
    preprocess: preprocessSchema
      .describe('How pictures became the samples: (pixel / divisor − mean) / std.')
      .optional(),
    accuracy: z
      .strictObject({ fp32: accuracy, dla: accuracy, agreement: z.number().min(0).max(1) })
      .describe('Absent when the samples have no labels.')
      .optional(),
    outputs: z.array(divergence).describe('The outputs of the network over all samples.'),
    tensors: z.array(divergence),
    firstDivergence: text.optional(),
    losses: z
      .array(loss)
      .describe('The tensors whose own rounding costs the outputs most, first; absent when not measured.')
      .optional(),
  })
  .meta({ id: 'evaluation' });

const segmentSummary = z.strictObject({
  kind: z.enum(['dla', 'host']),
  name: text,
  nodes: count,
  layers: count,
  weightBytes: amount,
  sramBytes: amount,
  localDramBytes: amount,
  layerNames: texts,
  memory: z.array(
    z.strictObject({
      surface: text,
      memory: z.enum(['managed_sram', 'local_dram', 'global_dram', 'io']),
      offset: amount,
      size: amount,
      first: count,
      last: count,
    }),
  ),
});

/** schema/report.schema.json */
export const reportSchema = z
  .strictObject({
    $schema: text,
    schemaVersion: z.literal(reportSchemaVersion),
    dlakit: text,
    network: text,
    target: text,
    release: text,
    precision,
    original: checkResult,
    prepared: checkResult,
    applied: z.array(z.strictObject({ pass: text, nodes: texts })),
    nodes: z.array(
      z.strictObject({
        name: text,
        op: text,
        placement: z.enum(['dla', 'gpu', 'host', 'not emulated', 'build-time']),
        shape: z.array(numberOrText).optional(),
        why: text.optional(),
      }),
    ),
    edges: z.array(z.strictObject({ from: text, to: text })),
    batch: count,
    ranges: z.enum(['calibrated', 'dummy', 'none']),
    segments: z.array(segmentSummary),
    estimates: z.array(estimate),
    evaluation: evaluation.optional(),
    changes: z.array(
      z.strictObject({ rule: text, rewrite: text.optional(), advice: text, nodes: texts, gain: gain.optional() }),
    ),
    gain,
  })
  .meta({
    title: 'A dlakit report',
    description: 'What `dla report` writes as report.json. Times are in microseconds, sizes in bytes.',
  });
