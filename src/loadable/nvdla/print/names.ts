/** Names of the codes in loadables: nvdla/sw umd `loadable.fbs`, `nvdla/IType.h`, kmd `dla_interface.h`. */

/** Pixel formats of tensors, and of the input of a convolution. */
const pixels =
  'R8 R10 R12 R16 R16_I R16_F A16B16G16R16 X16B16G16R16 A16B16G16R16_F A16Y16U16V16 V16U16Y16A16 A16Y16U16V16_F A8B8G8R8 A8R8G8B8 ' +
  'B8G8R8A8 R8G8B8A8 X8B8G8R8 X8R8G8B8 B8G8R8X8 R8G8B8X8 A2B10G10R10 A2R10G10B10 B10G10R10A2 R10G10B10A2 A2Y10U10V10 V10U10Y10A2 ' +
  'A8Y8U8V8 V8U8Y8A8 Y8_U8V8_N444 Y8_V8U8_N444 Y10_U10V10_N444 Y10_V10U10_N444 Y12_U12V12_N444 Y12_V12U12_N444 Y16_U16V16_N444 ' +
  'Y16_V16U16_N444 FEATURE FEATURE_X8';

export const names = {
  domain: ['system', 'SRAM'],
  interface: ['no interface', 'DLA1', 'EMU1'],
  eventOp: ['wait', 'signal'],
  dataFormat: ['unknown', 'NCHW', 'NHWC', 'NCxHWx'],
  dataType: ['unknown', 'float', 'half', 'int16', 'int8'],
  dataCategory: ['image', 'weight', 'feature', 'planar', 'bias'],
  pixelFormat: pixels.split(' '),
  pixelMapping: ['pitch linear', 'no mapping'],
  relocation: { 1: 'line stride', 2: 'surface stride' },
  /** Sub-interfaces of blobs and relocations of a DLA task. */
  dlaList: ['', 'network descriptor', 'dependency graph', 'operations', 'surfaces', 'lookup tables'],
  emulatorList: { 1: 'network descriptor', 3: 'operations', 4: 'buffers' },
  precision: ['int8', 'int16', 'float16'],
  convolution: ['direct', 'winograd'],
  weightFormat: ['uncompressed', 'compressed'],
  pixelSign: ['unsigned', 'signed'],
  alu: ['max', 'min', 'sum', 'equal'],
  activation: ['no activation', 'ReLU', 'lookup table', 'PReLU'],
  operand: ['the layer', 'each kernel', 'each point'],
  pooling: ['average', 'max', 'min'],
  rubik: ['contract', 'split', 'merge'],
  cubeMemory: ['primary memory', 'secondary memory', 'in hardware'],
  lutMethod: ['exponential', 'linear'],
  lutChoice: ['LE', 'LO'],
  emulatorOperation: ['power', 'softmax'],
} as const satisfies Readonly<Record<string, readonly string[] | Readonly<Record<number, string>>>>;
