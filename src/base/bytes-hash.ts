/**
 * A 64-bit hash of bytes, to tell constants apart in printed graphs: two 32-bit lanes of multiply and shift. Not
 * cryptographic.
 */
export function bytesHash(bytes: Uint8Array, seed: string): string {
  let low = 0x9e3779b9;
  let high = 0x85ebca6b;
  const mix = (byte: number): void => {
    low = Math.imul(low ^ byte, 0x01000193);
    low ^= low >>> 15;
    high = Math.imul(high + byte, 0xcc9e2d51);
    high ^= high >>> 13;
  };
  for (let index = 0; index < seed.length; index++) mix(seed.charCodeAt(index));
  for (const byte of bytes) mix(byte);
  low = Math.imul(low ^ (high >>> 16), 0x7feb352d);
  high = Math.imul(high ^ (low >>> 15), 0x846ca68b);
  return [high, low].map((lane) => (lane >>> 0).toString(16).padStart(8, '0')).join('');
}
