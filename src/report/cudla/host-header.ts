/** What both hosts share: real numbers to surfaces and back, the descriptors of a loadable beside the bindings table, files. */

export const hostHeader = String.raw`// Real numbers to the surfaces that the DLA reads and writes, and what a loadable says of them beside bindings.h.
#pragma once

#include "bindings.h"

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <cudla.h>

using Bytes = std::vector<uint8_t>;

inline void require(bool holds, const std::string &what) {
  if (!holds) throw std::runtime_error(what);
}

inline void check(cudlaStatus status, const char *call) {
  require(status == cudlaSuccess, std::string(call) + ": cudlaStatus " + std::to_string(static_cast<int>(status)));
}

inline Bytes readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  require(file.good(), path + ": cannot be read");
  return Bytes(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

inline void writeFile(const std::string &path, const void *data, size_t size) {
  std::ofstream file(path, std::ios::binary);
  file.write(static_cast<const char *>(data), static_cast<std::streamsize>(size));
  file.close();
  require(!file.fail(), path + ": cannot be written");
}

// binary16, to the nearest, halves to even.
inline uint16_t toHalf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  if (std::isnan(value)) return 0x7e00u;
  const float size = std::fabs(value);
  if (size >= 65520.0f) return static_cast<uint16_t>(sign | 0x7c00u);
  // In units of the last place: below 2^-14 that is 2^-24, above it grows with the exponent.
  int exponent = 0;
  std::frexp(size, &exponent);
  if (exponent < -13 || size == 0.0f) exponent = -13;
  const long steps = std::lrint(std::ldexp(size, 11 - exponent));
  // 2048 steps carry into the exponent.
  return static_cast<uint16_t>(sign | (static_cast<uint32_t>(exponent + 13) * 1024u + static_cast<uint32_t>(steps)));
}

inline float fromHalf(uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const int fraction = half & 1023;
  const float size = exponent == 0    ? std::ldexp(static_cast<float>(fraction), -24)
                     : exponent == 31 ? (fraction ? NAN : INFINITY)
                                      : std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  return half & 0x8000 ? -size : size;
}

inline int8_t toInt8(float value, float scale) {
  // std::round takes halves away from zero, as the DLA does.
  const float steps = std::round(value / scale);
  return static_cast<int8_t>(steps > 127.0f ? 127.0f : steps < -128.0f ? -128.0f : steps);
}

inline size_t elements(const Binding &b) { return b.n * b.c * b.h * b.w; }

// Visits the elements in the order n, c, h, w with the byte at which each lies.
template <typename Visit> void visit(const Binding &b, Visit each) {
  const size_t size = b.half ? 2 : 1;
  size_t index = 0;
  for (size_t n = 0; n < b.n; n++)
    for (size_t c = 0; c < b.c; c++)
      for (size_t h = 0; h < b.h; h++)
        for (size_t w = 0; w < b.w; w++)
          each(index++, n * b.image + c / b.atom * b.block + h * b.row + (w * b.atom + c % b.atom) * size);
}

// Elements that fill up rows and blocks are zero.
inline Bytes pack(const Binding &b, const std::vector<float> &values) {
  Bytes surface(b.bytes, 0);
  visit(b, [&](size_t index, size_t at) {
    const float value = values[index];
    require(b.half || !std::isnan(value), std::string(b.name) + ": NaN has no int8");
    if (b.half) {
      const uint16_t half = toHalf(value);
      std::memcpy(&surface[at], &half, sizeof half);
    } else {
      const int8_t integer = toInt8(value, b.scale);
      std::memcpy(&surface[at], &integer, sizeof integer);
    }
  });
  return surface;
}

inline std::vector<float> unpack(const Binding &b, const Bytes &surface) {
  std::vector<float> values(elements(b));
  visit(b, [&](size_t index, size_t at) {
    uint16_t half;
    int8_t integer;
    if (b.half) std::memcpy(&half, &surface[at], sizeof half);
    else std::memcpy(&integer, &surface[at], sizeof integer);
    values[index] = b.half ? fromHalf(half) : static_cast<float>(integer) * b.scale;
  });
  return values;
}

// What a descriptor of the loadable and the bindings table have that differs; empty where nothing does.
inline std::string difference(const Binding &b, const cudlaModuleTensorDescriptor &d) {
  std::string text;
  const auto same = [&](const char *what, uint64_t expected, uint64_t found) {
    if (expected == found) return;
    text += std::string(text.empty() ? "" : ", ") + what + " " + std::to_string(found) + " instead of " + std::to_string(expected);
  };
  same("n", b.n, d.n);
  // An image of three channels may be described by the four places of its pixels.
  if (!(b.format == CUDLA_DATA_FORMAT_NHWC && d.c == b.atom)) same("c", b.c, d.c);
  same("h", b.h, d.h);
  same("w", b.w, d.w);
  same("bytes", b.bytes, d.size);
  same("type", b.half ? CUDLA_DATA_TYPE_HALF : CUDLA_DATA_TYPE_INT8, d.dataType);
  same("format", b.format, d.dataFormat);
  if (d.stride[1] != 0) same("row", b.row, d.stride[1]);
  if (d.stride[2] != 0) same("channel block", b.block, d.stride[2]);
  return text;
}

// The place of each binding among the loadable's tensors: by name, or the only one.
inline std::vector<size_t> match(const std::vector<Binding> &bindings, const std::vector<cudlaModuleTensorDescriptor> &found,
                                 const char *side) {
  require(bindings.size() == found.size(), std::string("the loadable has ") + std::to_string(found.size()) + " " + side +
                                               "s instead of " + std::to_string(bindings.size()));
  std::vector<size_t> places;
  for (const Binding &b : bindings) {
    size_t place = 0;
    while (place < found.size() && std::strncmp(found[place].name, b.name, sizeof found[place].name - 1) != 0) place++;
    if (place == found.size() && found.size() == 1) place = 0;
    require(place < found.size(), std::string("the loadable has no ") + side + " " + b.name);
    const std::string text = difference(b, found[place]);
    require(text.empty(), std::string(side) + " " + b.name + " of the loadable differs from bindings.h: " + text);
    places.push_back(place);
  }
  return places;
}

// A device, a loadable on it, and its tensors held to bindings.h.
class Loadable {
public:
  cudlaDevHandle device = nullptr;
  cudlaModule module = nullptr;
  std::vector<size_t> inputPlaces, outputPlaces;

  Loadable(const Bytes &bytes, uint64_t core, cudlaMode mode) {
    try {
      check(cudlaCreateDevice(core, &device, mode), "cudlaCreateDevice");
      check(cudlaModuleLoadFromMemory(device, bytes.data(), bytes.size(), &module, 0), "cudlaModuleLoadFromMemory");
      inputPlaces = match(inputs, describe(CUDLA_NUM_INPUT_TENSORS, CUDLA_INPUT_TENSOR_DESCRIPTORS), "input");
      outputPlaces = match(outputs, describe(CUDLA_NUM_OUTPUT_TENSORS, CUDLA_OUTPUT_TENSOR_DESCRIPTORS), "output");
    } catch (...) {
      release();
      throw;
    }
  }
  ~Loadable() { release(); }
  Loadable(const Loadable &) = delete;
  Loadable &operator=(const Loadable &) = delete;

private:
  std::vector<cudlaModuleTensorDescriptor> describe(cudlaModuleAttributeType count, cudlaModuleAttributeType which) {
    cudlaModuleAttribute attribute = {};
    check(cudlaModuleGetAttributes(module, count, &attribute), "cudlaModuleGetAttributes");
    const bool isInput = count == CUDLA_NUM_INPUT_TENSORS;
    std::vector<cudlaModuleTensorDescriptor> tensors(isInput ? attribute.numInputTensors : attribute.numOutputTensors);
    if (isInput) attribute.inputTensorDesc = tensors.data();
    else attribute.outputTensorDesc = tensors.data();
    check(cudlaModuleGetAttributes(module, which, &attribute), "cudlaModuleGetAttributes");
    return tensors;
  }

  void release() {
    if (module) cudlaModuleUnload(module, 0);
    if (device) cudlaDestroyDevice(device);
    module = nullptr;
    device = nullptr;
  }
};

// Runs a loadable once: surfaces in the order of inputs, to surfaces in the order of outputs. hybrid.cpp or standalone.cpp has it.
std::vector<Bytes> run(const Bytes &loadable, uint64_t core, const std::vector<Bytes> &surfaces);

inline int hostMain(int argc, char **argv) {
  const size_t files = inputs.size() + outputs.size();
  if (static_cast<size_t>(argc) != 3 + files) {
    std::fprintf(stderr, "usage: %s LOADABLE CORE", argv[0]);
    for (const Binding &b : inputs) std::fprintf(stderr, " '%s.bin'", b.name);
    for (const Binding &b : outputs) std::fprintf(stderr, " '%s.out.bin'", b.name);
    std::fprintf(stderr, "\nInputs are read and outputs written as little-endian float32 in the order n, c, h, w.\n");
    return 2;
  }
  try {
    const std::string core = argv[2];
    require(core == "0" || core == "1", "the core is 0 or 1");
    std::vector<Bytes> surfaces;
    for (size_t i = 0; i < inputs.size(); i++) {
      const Bytes file = readFile(argv[3 + i]);
      std::vector<float> values(elements(inputs[i]));
      require(file.size() == values.size() * sizeof(float), std::string(argv[3 + i]) + ": " + std::to_string(file.size()) +
                                                                " bytes instead of " + std::to_string(values.size() * sizeof(float)));
      std::memcpy(values.data(), file.data(), file.size());
      surfaces.push_back(pack(inputs[i], values));
    }
    const std::vector<Bytes> results = run(readFile(argv[1]), core == "0" ? 0 : 1, surfaces);
    for (size_t i = 0; i < outputs.size(); i++) {
      const std::vector<float> values = unpack(outputs[i], results[i]);
      writeFile(argv[3 + inputs.size() + i], values.data(), values.size() * sizeof(float));
    }
    return 0;
  } catch (const std::exception &error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 1;
  }
}
`;
