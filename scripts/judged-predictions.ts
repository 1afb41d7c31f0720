/**
 * docs/hardware/judged-predictions.json: what the estimator says of three networks that NVIDIA measured on DRIVE Orin (Model-Optimizer pull
 * request 1661, Deep-Learning-Accelerator-SW pull request 35), committed before the figures were compared. Batch, clock and formats of
 * inputs and outputs are not stated there: batch 1, 1,331 and 1,408 MHz of the DLA and 3,200 MHz of the memory are assumed, one core,
 * bindings in the DLA's own formats; the same with FP32 linear ones beside it. The first of each pair is the prediction.
 *
 * The file is what was predicted then. The script compares it with what the estimator says now, and exits with 1 where they differ;
 * only with --write does it put that there instead.
 */

import { fileURLToPath } from 'node:url';
import { gigabytesPerSecond, megahertz } from '../src/base/units.ts';
import { estimate } from '../src/estimate/estimate.ts';
import { compile, prepare } from '../src/index.ts';
import { inceptionV3 } from '../src/models/inception.ts';
import { efficientnetLite0 } from '../src/models/inverted-residuals.ts';
import { resnet50 } from '../src/models/resnet.ts';
import { findModule, findPowerMode } from '../src/targets/find.ts';
import { orin } from '../src/targets/orin.ts';
import { writeOrCompare } from './committed-files.ts';

const networks = { resnet50, efficientnet_lite0: efficientnetLite0, inception_v3: inceptionV3 } as const;
const release = 'JetPack 6.0';
const module = findModule(orin, 'agx-orin-64gb');

const assumed = <T>(value: T) => ({ value, status: 'assumed' as const, source: 'not stated by the measurement' });

const predictions = Object.entries(networks).flatMap(([network, build]) =>
  (['int8', 'fp16'] as const).flatMap((precision) => {
    const prepared = prepare(build({ classes: 1000 }), { precision, release });
    const { network: compiled, notEmulated } = compile(prepared, { precision, release });
    if (compiled.plan.segments.length !== 1 || notEmulated.size > 0) throw new Error(`${network} is not one loadable`);
    return [1331, 1408].map((clock) => {
      const powerMode = {
        ...findPowerMode(module, 'MAXN'),
        name: `${clock} MHz`,
        dlaClock: assumed(megahertz(clock)),
        emcClock: assumed(megahertz(3200)),
        dramBandwidth: assumed(gigabytesPerSecond(204.8)),
      };
      const time = (bindings: 'native' | 'fp32') => {
        const { latency } = estimate(compiled.plan, { target: orin, module, powerMode, cores: 1, bindings });
        return Number((latency / 1000).toFixed(3));
      };
      return { network, precision, batch: 1, clock, native: time('native'), fp32: time('fp32') };
    });
  }),
);

const file = fileURLToPath(new URL('../docs/hardware/judged-predictions.json', import.meta.url));
const note =
  'Milliseconds of one image. Written by scripts/judged-predictions.ts before the measurements were compared; never changed afterwards.';
for (const { network, precision, clock, native, fp32 } of predictions) {
  console.log(`${network} ${precision} ${clock} MHz: ${native} ms native, ${fp32} ms with FP32 bindings`);
}

const write = process.argv.includes('--write');
const text = `${JSON.stringify({ note, release, predictions }, null, 2)}\n`;
const differing = writeOrCompare({ [file]: text }, write);
if (differing.length > 0) {
  console.error('docs/hardware/judged-predictions.json says otherwise, and was not changed: --write replaces it');
  process.exitCode = 1;
} else
  console.log(
    write ? 'wrote docs/hardware/judged-predictions.json' : 'as docs/hardware/judged-predictions.json has it',
  );
