/** Node's side of dlakit: files, images, onnxruntime-node. */

import { availableParallelism } from 'node:os';
import { gunzip } from '../../evaluate/gunzip.ts';
import type { Host } from '../host.ts';
import { decodeImage } from './images.ts';
import { nodeOnnxRuntime } from './onnxruntime.ts';
import { nodeThreads } from './threads.ts';

export type { Host } from '../host.ts';
export { listFolder, readBytes, readText, writeFile, writeFiles } from './files.ts';
export { readImageFolder } from './image-folder.ts';
export { decodeImage } from './images.ts';
export { nodeOnnxRuntime } from './onnxruntime.ts';
export { nodeThreads } from './threads.ts';

export const nodeHost: Host = {
  name: 'node',
  onnxRuntime: nodeOnnxRuntime,
  decodeImage,
  gunzip,
  processors: availableParallelism(),
  spawn: nodeThreads,
};
