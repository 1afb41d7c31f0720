/** NumPy files for tests, as numpy.save writes them: version 1, the header padded so that the elements begin at a multiple of 64. */
export function npy(descr: string, shape: string, data: ArrayBufferView, fortran = 'False'): Uint8Array {
  const text = `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }`;
  const padded = `${text}${' '.repeat(63 - ((10 + text.length) % 64))}\n`;
  const bytes = new Uint8Array(10 + padded.length + data.byteLength);
  bytes.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, padded.length & 255, padded.length >> 8]);
  bytes.set(new TextEncoder().encode(padded), 10);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 10 + padded.length);
  return bytes;
}
