/**
 * The four networks of models/: how their inputs are prepared and what they reach. They were trained for this project on the 60,000
 * training images of Fashion-MNIST; FP32 accuracy is onnxruntime's on the 10,000 test images (models/README.md).
 */

import type { Preprocess } from '../graph/preprocess.ts';

export interface Recipe {
  /** Stem of the file in models/. */
  readonly name: string;
  /** `fashion-resnet20.onnx` */
  readonly file: string;
  readonly title: string;
  /** Name and shape of the input; the first dimension is the batch, free in the file. */
  readonly input: { readonly name: string; readonly shape: readonly ['batch', ...number[]] };
  readonly output: string;
  readonly preprocess: Preprocess;
  /** By label. */
  readonly classes: readonly string[];
  /** Fraction of the 10,000 test images. */
  readonly fp32Top1: number;
}

const classes = [
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot',
] as const;

/** (pixel/255 − 0.2860) / 0.3530: mean and deviation of the training images. */
export const fashionPreprocess: Preprocess = { mean: [0.286], std: [0.353], channelOrder: 'gray' };

const recipe = (name: string, title: string, fp32Top1: number): Recipe => ({
  name,
  file: `${name}.onnx`,
  title,
  input: { name: 'image', shape: ['batch', 1, 28, 28] },
  output: 'logits',
  preprocess: fashionPreprocess,
  classes,
  fp32Top1,
});

export const fashionModels: readonly Recipe[] = [
  recipe('fashion-resnet20', 'ResNet-20 (16-32-64)', 0.9499),
  recipe('fashion-mobilenetv2', 'MobileNetV2-style, depthwise, ReLU6', 0.9514),
  recipe('fashion-resnet8-wide-dense', 'three residual blocks, 64-128-256', 0.9466),
  recipe('fashion-resnet8-wide-sparse24', 'the wide network, pruned 2:4 along input channels', 0.9483),
];

/** The recipe of a network by its name, its file name or the name of its graph, if it is one of ours. */
export function fashionModel(name: string): Recipe | undefined {
  const stem = name.replace(/^.*[\\/]/, '').replace(/\.onnx$/, '');
  return fashionModels.find((model) => model.name === stem);
}
