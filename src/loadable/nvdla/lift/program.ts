/**
 * A Program from the launches of one task and the values that they read and write.
 */

import { elementSize } from '../../../base/data-type.ts';
import { bytes } from '../../../base/units.ts';
import { mapLaunch } from '../../../program/access.ts';
import { withDependencies } from '../../../program/dependencies.ts';
import { surfaceGeometry } from '../../../program/geometry.ts';
import type { BdmaTransfer, Layer, Move, Pipeline } from '../../../program/layer.ts';
import type { BlobTableBuilder, ConstantRef, Program } from '../../../program/program.ts';
import type { Shape4 } from '../../../program/surface.ts';
import type { Access, MemoryAccess, TableAccess } from './access.ts';
import type { CopyEnds } from './copies.ts';
import { type DraftSurface, placeSurfaces } from './places.ts';
import type { PixelPart, ShapedValue } from './surfaces.ts';
import type { Value } from './values.ts';

export interface NamedLaunch {
  readonly name: string;
  readonly launch: Pipeline<Access> | Move<Access>;
  /** Positions of launches that the loadable says must be complete. */
  readonly after: readonly number[];
}

/** A tensor that crosses the border of a task. */
export interface Crossing {
  readonly name: string;
  readonly value: Value;
  readonly scale?: number | undefined;
}

export interface TaskParts {
  readonly target: string;
  readonly launches: readonly NamedLaunch[];
  readonly valueAt: ReadonlyMap<MemoryAccess, Value>;
  readonly shapeOf: ReadonlyMap<Value, ShapedValue>;
  readonly inputs: readonly Crossing[];
  readonly outputs: readonly Crossing[];
  /** Whether a memory of the loadable is on-chip. */
  readonly isSram: (memory: number) => boolean;
  /** The bytes that the file puts at a place of a memory, zeros where it puts none. */
  readonly read: (memory: number, offset: number, size: number) => Uint8Array;
}

export const liftProgram = (parts: TaskParts, blobs: BlobTableBuilder): Program => new Assembly(parts, blobs).program();

/** The accesses of a launch, each with the field that it is for: `conv.weights`, `sdp.x1`. */
export function accessesOf(launch: NamedLaunch['launch']): {
  readonly reads: readonly { readonly access: Access; readonly field: string }[];
  readonly writes: readonly { readonly access: Access; readonly field: string }[];
} {
  const reads: { readonly access: Access; readonly field: string }[] = [];
  const writes: typeof reads = [];
  mapLaunch(launch, (access, { role, field }) => {
    if (role === 'output') writes.push({ access, field: 'output' });
    else reads.push({ access, field });
  });
  return { reads, writes };
}

interface Pixels {
  readonly input: number;
  readonly output: number;
  readonly from: PixelPart;
  readonly to: PixelPart;
}

const pixelCopy = ({ input, output, from, to }: Pixels): Extract<Move<number>, { kind: 'pixels' }> => ({
  kind: 'pixels',
  pixels: {
    input,
    inputChannel: from.channel,
    from: from.grid,
    output,
    outputChannel: to.channel,
    to: to.grid,
    channels: from.channels,
    rows: from.rows,
    columns: from.columns,
  },
});

/** The ends of a launch that only copies. */
export function copyOf({ launch }: Pick<NamedLaunch, 'launch'>): readonly CopyEnds[] {
  if (launch.kind !== 'sdp') return [];
  const { input, output } = launch.sdp;
  return input?.kind === 'cube' && output?.kind === 'cube' && input.copied ? [{ input, output }] : [];
}

class Assembly {
  readonly #parts: TaskParts;
  readonly #blobs: BlobTableBuilder;
  readonly #surfaces: DraftSurface[] = [];
  readonly #constants: ConstantRef[] = [];
  readonly #names: Set<string>;
  readonly #roots = new Map<Value, number>();
  readonly #tables = new Map<TableAccess, number>();
  readonly #views = new Map<string, number>();
  readonly #crossings: ReadonlyMap<Value, Crossing>;

  constructor(parts: TaskParts, blobs: BlobTableBuilder) {
    this.#parts = parts;
    this.#blobs = blobs;
    const crossings = [...parts.inputs, ...parts.outputs];
    this.#crossings = new Map(crossings.map((crossing) => [crossing.value, crossing]));
    this.#names = new Set(crossings.map(({ name }) => name));
  }

  program(): Program {
    const { target, launches } = this.#parts;
    const inputs = this.#parts.inputs.map(({ value, name }) => this.#root(value, name));
    const layers = launches.map((launch, id) => this.#layer(launch, id));
    const outputs = this.#parts.outputs.map(({ value, name }) => this.#root(value, name));
    const parts = { target, sram: bytes(0), surfaces: [], layers, inputs, outputs, constants: this.#constants };
    const placed = placeSurfaces(parts, this.#surfaces);
    return { ...placed, layers: withDependencies(placed) };
  }

  #layer({ name, launch, after }: NamedLaunch, id: number): Layer {
    const { reads } = accessesOf(launch);
    const fields = new Map(reads.map(({ access, field }) => [access, field.slice(field.indexOf('.') + 1)]));
    const map = (access: Access): number => this.#surface(access, `${name}:${fields.get(access) ?? 'out'}`);
    const mapped = mapLaunch(launch, map);
    const common = { id, name, origin: [], after };
    const [copy] = copyOf({ launch });
    if (copy) {
      const [from, to] = [this.#partOf(copy.input).part, this.#partOf(copy.output).part];
      const [input, output] = [map(copy.input), map(copy.output)];
      if (from.kind === 'pixels' && to.kind === 'pixels')
        return { ...pixelCopy({ input, output, from, to }), ...common };
    }
    if (mapped.kind !== 'bdma' || launch.kind !== 'bdma') return { ...mapped, ...common };
    const transfers = mapped.transfers.map(
      (transfer, index): BdmaTransfer<number> => ({
        ...transfer,
        // Offsets count from the surface that an end is in.
        inputOffset: this.#offsetIn(launch.transfers[index]!.input),
        outputOffset: this.#offsetIn(launch.transfers[index]!.output),
      }),
    );
    return { kind: 'bdma', transfers, ...common };
  }

  #partOf(access: MemoryAccess) {
    const value = this.#parts.valueAt.get(access)!;
    return { value, part: this.#parts.shapeOf.get(value)!.parts.get(access)! };
  }

  #offsetIn(access: Access): number {
    if (access.kind === 'table') return 0;
    const { part } = this.#partOf(access);
    return part.kind === 'bytes' ? part.offset : 0;
  }

  #surface(access: Access, name: string): number {
    if (access.kind === 'table') return this.#table(access, name);
    const { value, part } = this.#partOf(access);
    return part.kind === 'view' ? this.#view(value, part, name) : this.#root(value, name);
  }

  #add(draft: Omit<DraftSurface, 'name'>, name: string): number {
    return this.#surfaces.push({ ...draft, name }) - 1;
  }

  #unique(wanted: string): string {
    let name = wanted;
    for (let number = 2; this.#names.has(name); number++) name = `${wanted}:${number}`;
    this.#names.add(name);
    return name;
  }

  #root(value: Value, wanted: string): number {
    const known = this.#roots.get(value);
    if (known !== undefined) return known;
    const { geometry, offset } = this.#parts.shapeOf.get(value)!;
    const crossing = this.#crossings.get(value);
    const { memory } = value;
    const inner = this.#parts.isSram(memory) ? 'managed_sram' : 'local_dram';
    const id = this.#add(
      {
        ...geometry,
        memory: value.isConstant ? 'global_dram' : crossing ? 'io' : inner,
        ...(crossing?.scale !== undefined && { scale: crossing.scale }),
        place: { memory, offset },
      },
      crossing?.name ?? this.#unique(wanted),
    );
    this.#roots.set(value, id);
    if (value.isConstant) {
      const blob = this.#blobs.add(this.#parts.read(memory, offset, geometry.size));
      this.#constants.push({ surface: id, blob });
    }
    return id;
  }

  #view(
    value: Value,
    view: { readonly channel: number; readonly row: number; readonly shape: Shape4 },
    name: string,
  ): number {
    const root = this.#root(value, `${name}:whole`);
    const key = [root, view.channel, view.row, ...view.shape].join();
    const known = this.#views.get(key);
    if (known !== undefined) return known;
    const { place: _, name: __, ...parent } = this.#surfaces[root]!;
    const { channel, row, shape } = view;
    const id = this.#add({ ...parent, shape, view: { parent: root, channel, row } }, this.#unique(name));
    this.#views.set(key, id);
    return id;
  }

  #table(access: TableAccess, name: string): number {
    const known = this.#tables.get(access);
    if (known !== undefined) return known;
    const { dtype, data } = access;
    const shape: Shape4 = [1, data.length / elementSize[dtype], 1, 1];
    const geometry = surfaceGeometry(shape, dtype, 'vector');
    const common = { shape, dtype, format: 'vector' as const, ...geometry, memory: 'global_dram' as const };
    const id = this.#add(common, this.#unique(name));
    this.#constants.push({ surface: id, blob: this.#blobs.add(data) });
    this.#tables.set(access, id);
    return id;
  }
}
