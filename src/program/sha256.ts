/** SHA-256 (FIPS 180-4), synchronous and the same in every engine; Web Crypto's is asynchronous. */

const blockSize = 64;

/** Fractional parts of the cube roots of the first 64 primes, by integer arithmetic: ⌊∛p · 2³²⌋ mod 2³². */
const constants = Int32Array.from(primes(64), (prime) => Number(root(BigInt(prime) << 96n, 3n) & 0xffffffffn));
/** The same of the square roots of the first eight. */
const start = Int32Array.from(primes(8), (prime) => Number(root(BigInt(prime) << 64n, 2n) & 0xffffffffn));

export function sha256(data: Uint8Array): Uint8Array {
  const state = start.slice();
  const whole = Math.floor(data.length / blockSize) * blockSize;
  const schedule = new Int32Array(64);
  compress(state, schedule, data, whole);
  const rest = data.length - whole;
  const tail = new Uint8Array(rest < 56 ? 64 : 128);
  tail.set(data.subarray(whole));
  tail[rest] = 0x80;
  const view = new DataView(tail.buffer);
  view.setUint32(tail.length - 8, Math.floor(data.length / 2 ** 29));
  view.setUint32(tail.length - 4, (data.length << 3) >>> 0);
  compress(state, schedule, tail, tail.length);
  const digest = new Uint8Array(32);
  const out = new DataView(digest.buffer);
  state.forEach((word, index) => {
    out.setInt32(index * 4, word);
  });
  return digest;
}

function compress(state: Int32Array, w: Int32Array, data: Uint8Array, length: number): void {
  const k = constants;
  let [s0, s1, s2, s3, s4, s5, s6, s7] = state as unknown as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  for (let at = 0; at < length; at += blockSize) {
    for (let t = 0, i = at; t < 16; t++, i += 4) {
      w[t] = (data[i]! << 24) | (data[i + 1]! << 16) | (data[i + 2]! << 8) | data[i + 3]!;
    }
    for (let t = 16; t < 64; t++) {
      const x = w[t - 15]!;
      const y = w[t - 2]!;
      const small0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const small1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[t] = (((w[t - 16]! + small0) | 0) + ((w[t - 7]! + small1) | 0)) | 0;
    }
    let a = s0;
    let b = s1;
    let c = s2;
    let d = s3;
    let e = s4;
    let f = s5;
    let g = s6;
    let h = s7;
    // Eight rounds at a time, so that the variables change roles and not values.
    for (let t = 0; t < 64; t += 8) {
      h = (h + k[t]! + w[t]! + (g ^ (e & (f ^ g)))) | 0;
      h = (h + (((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7)))) | 0;
      d = (d + h) | 0;
      h = (h + (((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10)))) | 0;
      h = (h + ((a & b) | (c & (a | b)))) | 0;
      g = (g + k[t + 1]! + w[t + 1]! + (f ^ (d & (e ^ f)))) | 0;
      g = (g + (((d >>> 6) | (d << 26)) ^ ((d >>> 11) | (d << 21)) ^ ((d >>> 25) | (d << 7)))) | 0;
      c = (c + g) | 0;
      g = (g + (((h >>> 2) | (h << 30)) ^ ((h >>> 13) | (h << 19)) ^ ((h >>> 22) | (h << 10)))) | 0;
      g = (g + ((h & a) | (b & (h | a)))) | 0;
      f = (f + k[t + 2]! + w[t + 2]! + (e ^ (c & (d ^ e)))) | 0;
      f = (f + (((c >>> 6) | (c << 26)) ^ ((c >>> 11) | (c << 21)) ^ ((c >>> 25) | (c << 7)))) | 0;
      b = (b + f) | 0;
      f = (f + (((g >>> 2) | (g << 30)) ^ ((g >>> 13) | (g << 19)) ^ ((g >>> 22) | (g << 10)))) | 0;
      f = (f + ((g & h) | (a & (g | h)))) | 0;
      e = (e + k[t + 3]! + w[t + 3]! + (d ^ (b & (c ^ d)))) | 0;
      e = (e + (((b >>> 6) | (b << 26)) ^ ((b >>> 11) | (b << 21)) ^ ((b >>> 25) | (b << 7)))) | 0;
      a = (a + e) | 0;
      e = (e + (((f >>> 2) | (f << 30)) ^ ((f >>> 13) | (f << 19)) ^ ((f >>> 22) | (f << 10)))) | 0;
      e = (e + ((f & g) | (h & (f | g)))) | 0;
      d = (d + k[t + 4]! + w[t + 4]! + (c ^ (a & (b ^ c)))) | 0;
      d = (d + (((a >>> 6) | (a << 26)) ^ ((a >>> 11) | (a << 21)) ^ ((a >>> 25) | (a << 7)))) | 0;
      h = (h + d) | 0;
      d = (d + (((e >>> 2) | (e << 30)) ^ ((e >>> 13) | (e << 19)) ^ ((e >>> 22) | (e << 10)))) | 0;
      d = (d + ((e & f) | (g & (e | f)))) | 0;
      c = (c + k[t + 5]! + w[t + 5]! + (b ^ (h & (a ^ b)))) | 0;
      c = (c + (((h >>> 6) | (h << 26)) ^ ((h >>> 11) | (h << 21)) ^ ((h >>> 25) | (h << 7)))) | 0;
      g = (g + c) | 0;
      c = (c + (((d >>> 2) | (d << 30)) ^ ((d >>> 13) | (d << 19)) ^ ((d >>> 22) | (d << 10)))) | 0;
      c = (c + ((d & e) | (f & (d | e)))) | 0;
      b = (b + k[t + 6]! + w[t + 6]! + (a ^ (g & (h ^ a)))) | 0;
      b = (b + (((g >>> 6) | (g << 26)) ^ ((g >>> 11) | (g << 21)) ^ ((g >>> 25) | (g << 7)))) | 0;
      f = (f + b) | 0;
      b = (b + (((c >>> 2) | (c << 30)) ^ ((c >>> 13) | (c << 19)) ^ ((c >>> 22) | (c << 10)))) | 0;
      b = (b + ((c & d) | (e & (c | d)))) | 0;
      a = (a + k[t + 7]! + w[t + 7]! + (h ^ (f & (g ^ h)))) | 0;
      a = (a + (((f >>> 6) | (f << 26)) ^ ((f >>> 11) | (f << 21)) ^ ((f >>> 25) | (f << 7)))) | 0;
      e = (e + a) | 0;
      a = (a + (((b >>> 2) | (b << 30)) ^ ((b >>> 13) | (b << 19)) ^ ((b >>> 22) | (b << 10)))) | 0;
      a = (a + ((b & c) | (d & (b | c)))) | 0;
    }
    s0 = (s0 + a) | 0;
    s1 = (s1 + b) | 0;
    s2 = (s2 + c) | 0;
    s3 = (s3 + d) | 0;
    s4 = (s4 + e) | 0;
    s5 = (s5 + f) | 0;
    s6 = (s6 + g) | 0;
    s7 = (s7 + h) | 0;
  }
  state.set([s0, s1, s2, s3, s4, s5, s6, s7]);
}

function primes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime !== 0)) found.push(n);
  return found;
}

/** ⌊value^(1/degree)⌋ by bisection. */
function root(value: bigint, degree: bigint): bigint {
  let low = 0n;
  let high = 1n << 64n;
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle ** degree <= value) low = middle;
    else high = middle;
  }
  return low;
}
