/** A network from a file: the model, its external data, and the shapes that the command line binds. */

import { basename, dirname, join } from 'node:path';
import { DlakitError, fail, locate } from '../base/errors.ts';
import type { Graph } from '../graph/graph.ts';
import { readBytes } from '../host/node/files.ts';
import { readNetwork } from '../index.ts';
import { externalFiles } from '../onnx/external.ts';
import { parseShapes } from '../onnx/shapes.ts';

export interface NetworkFlags {
  readonly shapes?: string;
  readonly batch?: number;
}

/**
 * @param batch the size of a symbolic first dimension where the flags state none
 * @throws file/not-found, onnx/*, shape/*; shape/binding when --batch meets a network whose batch is fixed otherwise
 */
export async function readNetworkFile(file: string, flags: NetworkFlags, batch = 1): Promise<Graph> {
  const bytes = await readBytes(file);
  const external = await readExternal(bytes, file);
  const options = {
    external,
    ...(flags.shapes !== undefined && { shapes: parseShapes(flags.shapes) }),
    batch: flags.batch ?? batch,
  };
  const graph = locate({ file }, () => readNetwork(bytes, options));
  const shapes = graph.inputs.map((input) => graph.values.get(input)?.shape);
  if (flags.batch !== undefined && !shapes.some((shape) => shape?.[0] === flags.batch)) {
    fail(
      'shape/binding',
      '--batch binds a symbolic first dimension, and the model has none',
      { file },
      { expected: `batch ${shapes[0]?.[0]}`, actual: flags.batch },
    );
  }
  return { ...graph, name: networkName(file) };
}

/** The external data of a model. A file that is missing is left out: readModel reports it with the tensor's name. */
export async function readExternal(bytes: Uint8Array, file: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const external = new Map<string, Uint8Array>();
  for (const location of externalFiles(bytes, { file })) {
    try {
      external.set(location, await readBytes(join(dirname(file), location)));
    } catch (error) {
      if (!(error instanceof DlakitError)) throw error;
    }
  }
  return external;
}

const networkName = (file: string): string => basename(file).replace(/\.(onnx|dla)$/, '');
