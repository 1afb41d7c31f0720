/**
 * The kind of a file that was given where an ONNX model is wanted: the engine that trtexec wrote, the checkpoint that was
 * to be exported, the pointer that git-lfs left. The error names it and says how to get to an ONNX model.
 *
 * Each kind is told by the bytes that its format puts at the beginning; a file that is none of them gets no name.
 */

export interface FileKind {
  /** For a sentence: `the file is <name>, not an ONNX model`. */
  readonly name: string;
  /** How one gets to an ONNX model from there. */
  readonly advice: string;
}

const advice = {
  engine: 'give the ONNX model that the engine was built from',
  pytorch: 'export the model with torch.onnx.export',
  tensorflow: 'convert the model with tf2onnx',
  caffe: 'convert the prototxt and the caffemodel to ONNX',
  other: 'give the ONNX model',
} as const;

/** A kind by the bytes (as Latin-1 text) at an offset. */
const magics: readonly (readonly [offset: number, magic: string, kind: FileKind])[] = [
  [0, 'ftrt', { name: 'a TensorRT engine', advice: advice.engine }],
  [0, 'ptrt', { name: 'a TensorRT engine', advice: advice.engine }],
  [4, 'TFL3', { name: 'a TensorFlow Lite model', advice: advice.tensorflow }],
  [4, 'ORTM', { name: 'an onnxruntime model in ORT format', advice: 'give the ONNX model that it was converted from' }],
  [0, 'DLAKIT\x1a\n', { name: 'a loadable of dlakit (.dla)', advice: advice.other }],
  [4, 'NVDA', { name: 'a loadable of the open NVDLA', advice: advice.other }],
  [0, 'TRT-', { name: 'a TensorRT calibration cache', advice: advice.other }],
  [0, '\x89HDF\r\n\x1a\n', { name: 'an HDF5 file (Keras)', advice: advice.tensorflow }],
  [0, 'GGUF', { name: 'a GGUF model', advice: advice.other }],
  [0, '\x93NUMPY', { name: 'a NumPy array', advice: advice.other }],
  [0, '\x1f\x8b', { name: 'a gzip archive', advice: 'unpack it' }],
  [0, '\x89PNG', { name: 'a PNG image', advice: advice.other }],
  [0, '\xff\xd8\xff', { name: 'a JPEG image', advice: advice.other }],
  [0, 'version https://git-lfs', { name: 'a Git LFS pointer', advice: 'fetch the model itself with git lfs pull' }],
];

/** The kind of a file, where its beginning tells; undefined for an ONNX model too. */
export function fileKind(bytes: Uint8Array): FileKind | undefined {
  const known = magics.find(([offset, magic]) => latin1(bytes, offset, magic.length) === magic);
  if (known !== undefined) return known[2];
  return wrappedEngine(bytes) ?? safetensors(bytes) ?? pickled(bytes) ?? protobufKind(bytes) ?? textKind(bytes);
}

const latin1 = (bytes: Uint8Array, offset: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(offset, offset + length));

const longestHeader = 1 << 16;

/** Ultralytics puts the length of a JSON text (32 bits) and the text before the engine. */
function wrappedEngine(bytes: Uint8Array): FileKind | undefined {
  if (bytes.length < 9) return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const wrapped = length < longestHeader && latin1(bytes, 4, 1) === '{' && latin1(bytes, 4 + length, 4) === 'ftrt';
  return wrapped ? { name: 'a TensorRT engine (of Ultralytics)', advice: advice.engine } : undefined;
}

/** The length of a JSON text (64 bits), and the text. */
function safetensors(bytes: Uint8Array): FileKind | undefined {
  if (latin1(bytes, 8, 2) !== '{"') return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  const fits = length >= 2n && length <= BigInt(bytes.length - 8);
  return fits ? { name: 'a safetensors file, weights without a graph', advice: advice.pytorch } : undefined;
}

/** A zip whose first entry is a pickle or the version of an archive of torch.save or TorchScript; a bare pickle; another zip. */
function pickled(bytes: Uint8Array): FileKind | undefined {
  if (latin1(bytes, 0, 4) === 'PK\x03\x04') {
    const entries = latin1(bytes, 0, 512);
    const torch = /\/(data\.pkl|version|byteorder|constants\.pkl|\.format_version|code\/)/.test(entries);
    if (torch) return { name: 'a PyTorch checkpoint or TorchScript archive', advice: advice.pytorch };
    return entries.includes('.npy')
      ? { name: 'a NumPy archive', advice: advice.other }
      : { name: 'a zip archive', advice: 'unpack it' };
  }
  // PROTO and its version, and the first opcode of what torch.save wrote before it wrote zips (a long integer) or of a dictionary.
  const pickle =
    bytes[0] === 0x80 && (bytes[1] ?? 0) >= 2 && (bytes[1] ?? 0) <= 5 && '\x8a}\x95c('.includes(latin1(bytes, 2, 1));
  return pickle ? { name: 'a Python pickle (PyTorch checkpoint)', advice: advice.pytorch } : undefined;
}

/**
 * Caffe's NetParameter begins with its name (field 1) and goes on with layers: field 2, of the first version, or field 100.
 * TensorFlow's GraphDef begins with a node (field 1) that begins with its name, and the first operators are constants and inputs.
 */
function protobufKind(bytes: Uint8Array): FileKind | undefined {
  if (bytes[0] !== 0x0a) return undefined;
  // The length of the first field takes one byte or two.
  if (bytes[(bytes[1] ?? 0) < 128 ? 2 : 3] === 0x0a) {
    const known = /Placeholder|Const|VarHandleOp/.test(latin1(bytes, 0, 512));
    return known ? { name: 'a TensorFlow graph', advice: advice.tensorflow } : undefined;
  }
  const rest = 2 + (bytes[1] ?? 0);
  const layers = (bytes[rest] === 0xa2 && bytes[rest + 1] === 0x06) || bytes[rest] === 0x12;
  if (!layers || rest > 129 || !/^[\w ./+-]*$/.test(latin1(bytes, 2, rest - 2))) return undefined;
  return { name: 'a Caffe model', advice: advice.caffe };
}

function textKind(bytes: Uint8Array): FileKind | undefined {
  const text = latin1(bytes, 0, 4096);
  if ([...bytes.subarray(0, 4096)].some((byte) => byte < 9 || (byte > 13 && byte < 27))) return undefined;
  if (/^\s*(<\?xml[^>]*>\s*)?<net\b/.test(text)) return { name: 'an OpenVINO model', advice: advice.other };
  if (/^\s*<(!doctype|html|\?xml)/i.test(text)) {
    return { name: 'a web page or XML text', advice: 'the download went wrong: fetch the model itself' };
  }
  if (/^\s*[{[]/.test(text)) return { name: 'a JSON text', advice: advice.other };
  // A line is a comment or a field; the first field is the name, an input or a layer.
  const first = text.split('\n').find((line) => !/^\s*(#|$)/.test(line)) ?? '';
  if (/^\s*\w+\s*[:{]/.test(first) && /(^|\n)\s*(layers?|input_param|input|node|graph)\s*[{:]/.test(text)) {
    return /(^|\n)\s*(node|graph)\s*\{/.test(text)
      ? { name: 'a model in protobuf text format', advice: 'write it as binary protobuf' }
      : { name: 'a Caffe prototxt', advice: advice.caffe };
  }
  return undefined;
}
