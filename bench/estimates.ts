/** ResNet-50 as docs/estimates.md shows it: estimated from the compiled Program, beside NVIDIA's published figures. */

import { compile, estimateModes, prepare } from '../src/index.ts';
import { resnet50 } from '../src/models/resnet.ts';
import { table } from '../src/report/table.ts';

/** Deep-Learning-Accelerator-SW README @ ea61780; JetPack 5.1.1, INT8, both cores. */
const published: Readonly<Record<string, number>> = { MAXN: 2037, '50W': 1948, '30W': 1928, '15W': 1072 };
/** The model of which the estimator is an implementation, fitted outside this repository. */
const model: Readonly<Record<string, number>> = { MAXN: 2053, '50W': 1925, '30W': 1898, '15W': 1058 };

const { network } = compile(prepare(resnet50({ batch: 2, seed: 1 })), { release: 'JetPack 5.1.1', sram: 1 });
const rows = estimateModes(network.plan, { cores: 2 }).map(({ powerMode, imagesPerSecond }) => {
  const error = (imagesPerSecond / model[powerMode]! - 1) * 100;
  return [
    powerMode,
    String(published[powerMode]),
    String(model[powerMode]),
    imagesPerSecond.toFixed(0),
    `${error.toFixed(1)} %`,
  ];
});
console.log(
  table(
    [
      { title: 'mode' },
      { title: 'published', align: 'right' },
      { title: 'model', align: 'right' },
      { title: 'from the compiled Program', align: 'right' },
      { title: 'against the model', align: 'right' },
    ],
    rows,
  ),
);
if (rows.some(([, , , , error]) => Math.abs(Number.parseFloat(error!)) > 2)) process.exitCode = 1;
