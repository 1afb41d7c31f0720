/**
 * One product in the convolution core of nv_full on float16. The mantissas are integers of 14 bits; the product of the
 * smaller exponents is cut off below those of the largest of its step. The cut falls on the two vectors that the
 * multiplier's carry-save tree leaves, each by itself, before they are added: what is left can be one beside the product
 * rounded down. So the tree is modelled as it is wired: radix-4 Booth digits of the weight, two groups of five
 * partial products, reduced three to two from the front (docs/hardware/nvdla.md#float16-convolution).
 */

/** By Booth digit (three bits): what multiplies the data, and whether it is then inverted. */
const multiples = new Int32Array([0, 1, 1, 2, 2, 1, 1, 0]);
const inverted = new Int32Array([0, 0, 0, 0, 1, 1, 1, 0]);

/** Takes back bit 16 of every partial product that was not inverted, by shift / 4. */
const corrections = new Int32Array([
  0xaaab0000, 0xfaaab000, 0xffaaab00, 0xfffaaab0, 0xffffaaab, 0xfffffaab, 0xffffffab, 0xfffffffb,
]);

/**
 * data × weight >> shift as the core computes it.
 * @param data and `weight`: mantissas in [0, 2^14)
 * @param shift a multiple of 4
 */
export function shiftedProduct(data: number, weight: number, negative: boolean, shift: number): number {
  if (shift === 0) return negative ? 0 - data * weight : data * weight;
  if (shift >= 32) return 0;
  const digits = negative ? ~(weight << 1) : weight << 1;
  let s = 0;
  let c = 0;
  let firstSum = 0;
  let firstCarry = 0;
  for (let group = 0; group < 8; group += 4) {
    // An inversion is completed by adding 1, in the next partial product where there is room.
    const i0 = inverted[(digits >> (2 * group)) & 7]!;
    const i1 = inverted[(digits >> (2 * group + 2)) & 7]!;
    const i2 = inverted[(digits >> (2 * group + 4)) & 7]!;
    const i3 = inverted[(digits >> (2 * group + 6)) & 7]!;
    const at = 2 * group;
    const p0 = partial(data, multiples[(digits >> at) & 7]!, i0) << at;
    const p1 = (partial(data, multiples[(digits >> (at + 2)) & 7]!, i1) << (at + 2)) | (i0 << at);
    const p2 = (partial(data, multiples[(digits >> (at + 4)) & 7]!, i2) << (at + 4)) | (i1 << (at + 2));
    const p3 = (partial(data, multiples[(digits >> (at + 6)) & 7]!, i3) << (at + 6)) | (i2 << (at + 4));
    const last = i3 << (at + 6);
    s = p0 ^ p1 ^ p2;
    c = majority(p0, p1, p2) << 1;
    const t = s ^ c ^ p3;
    c = majority(s, c, p3) << 1;
    s = t ^ c ^ last;
    c = majority(t, c, last) << 1;
    if (group === 0) {
      firstSum = s;
      firstCarry = c;
    }
  }
  const t = firstSum ^ firstCarry ^ s;
  const u = majority(firstSum, firstCarry, s) << 1;
  s = t ^ u ^ c;
  c = majority(t, u, c) << 1;
  return ((s >>> shift) + (c >>> shift) + corrections[shift >> 2]!) | 0;
}

const partial = (data: number, multiple: number, invert: number): number =>
  invert === 1 ? ~(data * multiple) & 0xffff : (data * multiple) | 0x10000;

const majority = (a: number, b: number, c: number): number => (a & b) | (c & (a | b));
