/**
 * What NVIDIA publishes and the model is fitted to (docs/hardware/estimate-model.md#published-throughput, and
 * docs/hardware/orin.md#measured-layers), with the networks as hardware layers.
 */

import type { Plan } from '../../program/program.ts';
import {
  resnet34Backbone,
  resnet50,
  retinaNetResNet34,
  retinaNetResNext50,
  ssdMobilenetV1,
  ssdResnet34,
} from './published-networks.ts';

export interface PublishedNetwork {
  readonly name: string;
  readonly sparse: boolean;
  readonly plan: () => Plan;
  /** Images a second of two cores in each of {@link publishedModes}. */
  readonly published: readonly number[];
}

export const publishedModes = ['MAXN', '50W', '30W', '15W'] as const;

/** Jetson AGX Orin 64GB, JetPack 5.1.1, INT8, 1 MiB of SRAM, two cores: 40 cells. */
export const publishedNetworks: readonly PublishedNetwork[] = [
  { name: 'RetinaNet ResNeXt-50', sparse: false, plan: () => retinaNetResNext50(), published: [78, 72, 71, 36] },
  { name: 'ResNet-34 backbone', sparse: false, plan: () => resnet34Backbone(), published: [285, 260, 255, 121] },
  { name: 'RetinaNet ResNet-34', sparse: false, plan: () => retinaNetResNet34(), published: [108, 98, 96, 45] },
  { name: 'SSD-ResNet-34', sparse: false, plan: () => ssdResnet34(), published: [83, 76, 74, 36] },
  { name: 'ResNet-50', sparse: false, plan: () => resnet50(), published: [2037, 1948, 1928, 1072] },
  { name: 'SSD-MobileNetV1', sparse: false, plan: () => ssdMobilenetV1(), published: [2664, 2506, 2472, 1313] },
  { name: 'RetinaNet ResNeXt-50', sparse: true, plan: () => retinaNetResNext50(true), published: [102, 96, 95, 51] },
  { name: 'ResNet-34 backbone', sparse: true, plan: () => resnet34Backbone(true), published: [384, 360, 354, 176] },
  { name: 'RetinaNet ResNet-34', sparse: true, plan: () => retinaNetResNet34(true), published: [143, 133, 131, 66] },
  { name: 'SSD-ResNet-34', sparse: true, plan: () => ssdResnet34(true), published: [103, 97, 95, 49] },
];

/** Of the network that the layers belong to. */
export const layerNetwork = 'ResNet-34 backbone';
/** The clock that the samples set; they say nothing of the memory's. */
export const layerClock = 1152;

/**
 * Layers of the ResNet-34 backbone as NVIDIA's two cuDLA samples print them, in milliseconds from start to end: in standalone
 * mode, and in hybrid mode (`samples/cuDLA/cuDLALayerwiseStats*` of DLASW @ ea61780). The first two rows are the
 * convolution and the pooling behind it.
 */
export const publishedLayers: readonly {
  readonly name: string;
  readonly standalone: readonly [start: number, end: number];
  readonly hybrid: readonly [start: number, end: number];
}[] = [
  { name: 'conv 7×7/2, 3 → 64', standalone: [0.004676, 0.749967], hybrid: [0.004556, 0.708967] },
  { name: 'MaxPool 3×3/2', standalone: [0.712421, 1.293299], hybrid: [0.709676, 1.290478] },
  { name: 'conv 3×3, 64 → 64', standalone: [1.290947, 1.695648], hybrid: [1.291201, 1.692339] },
  { name: 'conv 3×3, 64 → 64, and Add', standalone: [1.696352, 2.111923], hybrid: [1.693057, 2.109201] },
  { name: 'conv 3×3, 64 → 64', standalone: [2.112684, 2.515226], hybrid: [2.109914, 2.513233] },
  { name: 'conv 3×3, 64 → 64, and Add', standalone: [2.51595, 2.9313], hybrid: [2.513964, 2.93051] },
  { name: 'conv 3×3, 64 → 64', standalone: [2.932044, 3.332338], hybrid: [2.931229, 3.328956] },
  { name: 'conv 3×3, 64 → 64, and Add', standalone: [3.333058, 3.748536], hybrid: [3.329661, 3.745779] },
  { name: 'conv 3×3/2, 64 → 128', standalone: [3.74929, 4.020853], hybrid: [3.74649, 4.018651] },
];
