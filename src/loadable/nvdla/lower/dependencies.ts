/**
 * The dependencies between operations, as the firmware counts them. An operation has one consumer for each engine and
 * starts when as many events have come as others name it for:
 *
 *     the next operation of its engine   when this one is enabled; when it is complete where the next one's read DMA
 *                                        takes what this engine wrote
 *     the stage behind it in a launch    when this one is programmed; and this one waits until that one is enabled
 *     who reads what it wrote            when it is complete
 *
 * An engine's operations are therefore enabled in their order, and it works through them in that order: of several that wait
 * for the same operation the first of each engine is enough, and of several operations of one engine that an operation
 * waits for the last is enough. (Were the next one told when this one is *programmed*, as NVIDIA's compiler has it, it
 * could be enabled first, and its read DMA, or the convolution in front of it, would fetch what is not yet written.) Two
 * register groups never hold each other up: every engine has its operations in the order of the layers, so those of the
 * first layer that is not complete are in groups, and all that they wait for has happened.
 */

import { isNvdlaSdp, type Layer } from '../../../program/layer.ts';
import { type CommonDesc, type Consumer, events, type OperationType, operationTypes } from '../format/descriptors.ts';

/** The operations of a layer: types in the order of its stages, and where they stand in the list. */
export interface LayerOperations {
  readonly layer: Layer;
  readonly first: number;
  readonly types: readonly OperationType[];
}

export interface Dependencies {
  readonly common: readonly CommonDesc[];
  readonly heads: readonly number[];
}

const nobody: Consumer = { index: -1, event: events.completed, reserved: 0 };

interface Draft {
  readonly type: OperationType;
  count: number;
  readonly consumers: Consumer[];
  parent: Consumer;
}

export function dependencies(layers: readonly LayerOperations[]): Dependencies {
  const drafts: Draft[] = layers.flatMap(({ types }) =>
    types.map((type) => ({ type, count: 0, consumers: operationTypes.map(() => nobody), parent: nobody })),
  );
  const slot = (type: OperationType): number => operationTypes.indexOf(type);
  const consume = (from: number, to: number, event: Consumer['event']): void => {
    drafts[from]!.consumers[slot(drafts[to]!.type)] = { index: to, event, reserved: 0 };
    drafts[to]!.count++;
  };
  const last = new Map<OperationType, number>();
  const heads = operationTypes.map(() => -1);
  const final = layers.map(({ first, types }) => first + types.length - 1);
  for (const { layer, first, types } of layers) {
    // Of each engine, the last operation that has to be complete.
    const waits = new Map<OperationType, number>();
    for (const id of layer.after) {
      const operation = final[id]!;
      const { type } = drafts[operation]!;
      waits.set(type, Math.max(waits.get(type) ?? -1, operation));
    }
    for (const [stage, type] of types.entries()) {
      const own = first + stage;
      const previous = last.get(type);
      if (previous === undefined) heads[slot(type)] = own;
      else consume(previous, own, waits.has(type) && readsMemory(layer, type) ? events.completed : events.enabled);
      last.set(type, own);
      if (stage === 0) continue;
      consume(own - 1, own, events.programmed);
      drafts[own]!.parent = { index: own - 1, event: events.enabled, reserved: 0 };
      drafts[own - 1]!.count++;
    }
    for (const [type, operation] of waits) {
      // The convolution's own input may come from SDP; the stage that is enabled first waits for everything else.
      const waiting = types[0] === 'conv' && type !== 'sdp' ? first + 1 : first;
      if (drafts[waiting]!.type === type) continue;
      const taken = drafts[operation]!.consumers[slot(drafts[waiting]!.type)]!;
      if (taken.index < 0) consume(operation, waiting, events.completed);
    }
  }
  return {
    heads,
    common: drafts.map(({ type, count, consumers, parent }, index) => ({
      index,
      roiIndex: 0,
      opType: slot(type),
      dependencyCount: count,
      reserved0: [0, 0, 0],
      consumers,
      fusedParent: parent,
    })),
  };
}

/** Whether the stage of this engine reads memory through a read DMA of its own, ahead of its turn. */
function readsMemory(layer: Layer, type: OperationType): boolean {
  if (type === 'sdp' && (layer.kind === 'conv' || layer.kind === 'sdp')) {
    const { sdp } = layer;
    if (!isNvdlaSdp(sdp)) return false;
    return sdp.input !== undefined || [sdp.x1, sdp.x2, sdp.y].some((unit) => unit?.operand !== undefined);
  }
  return type !== 'conv';
}
