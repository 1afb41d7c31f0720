import fc from 'fast-check';

/** One of several files with a few bytes changed, often to values at the edge. */
export const mutantOf = (files: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(
      fc.nat({ max: files.length - 1 }),
      fc.array(fc.tuple(fc.nat(), fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff))), {
        minLength: 1,
        maxLength: 8,
      }),
    )
    .map(([index, changes]) => {
      const mutant = files[index]!.slice();
      for (const [at, byte] of changes) mutant[at % mutant.length] = byte;
      return mutant;
    });
