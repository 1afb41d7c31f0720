/**
 * The two ways in which cuDLA runs a loadable (docs/hardware/dla-software.md#cudla): hybrid, in a CUDA stream with CUDA's memory; and
 * standalone, without CUDA, with buffers and fences of NvSci. Nobody has run these on a board: a test compiles them against headers of
 * its own and runs them on a stand-in.
 */

export const hybridHost = `// Runs the loadable through cuDLA in hybrid mode: as a task in a CUDA stream. Untested on a board.
#include "host.h"

#include <cuda_runtime.h>

static void check(cudaError_t status, const char *call) {
  require(status == cudaSuccess, std::string(call) + ": " + cudaGetErrorString(status));
}

// CUDA memory that the DLA sees too.
class Buffer {
public:
  void *memory = nullptr;
  uint64_t *onDla = nullptr;

  Buffer(cudlaDevHandle device, size_t size) : device(device) {
    check(cudaMalloc(&memory, size), "cudaMalloc");
    const cudlaStatus status = cudlaMemRegister(device, static_cast<const uint64_t *>(memory), size, &onDla, 0);
    if (status != cudlaSuccess) cudaFree(memory);
    check(status, "cudlaMemRegister");
  }
  ~Buffer() {
    if (onDla) cudlaMemUnregister(device, onDla);
    if (memory) cudaFree(memory);
  }
  Buffer(Buffer &&other) noexcept : memory(other.memory), onDla(other.onDla), device(other.device) {
    other.memory = nullptr;
    other.onDla = nullptr;
  }
  Buffer(const Buffer &) = delete;

private:
  cudlaDevHandle device;
};

struct Stream {
  cudaStream_t stream = nullptr;
  Stream() { check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags"); }
  ~Stream() { cudaStreamDestroy(stream); }
};

std::vector<Bytes> run(const Bytes &bytes, uint64_t core, const std::vector<Bytes> &surfaces) {
  check(cudaSetDevice(0), "cudaSetDevice");
  Loadable loadable(bytes, core, CUDLA_CUDA_DLA);
  Stream stream;
  std::vector<Buffer> sources, results;
  std::vector<uint64_t *> inputPointers(inputs.size()), outputPointers(outputs.size());
  for (size_t i = 0; i < inputs.size(); i++) {
    sources.emplace_back(loadable.device, inputs[i].bytes);
    inputPointers[loadable.inputPlaces[i]] = sources[i].onDla;
    check(cudaMemcpyAsync(sources[i].memory, surfaces[i].data(), inputs[i].bytes, cudaMemcpyHostToDevice, stream.stream),
          "cudaMemcpyAsync");
  }
  for (size_t i = 0; i < outputs.size(); i++) {
    results.emplace_back(loadable.device, outputs[i].bytes);
    outputPointers[loadable.outputPlaces[i]] = results[i].onDla;
    check(cudaMemsetAsync(results[i].memory, 0, outputs[i].bytes, stream.stream), "cudaMemsetAsync");
  }
  cudlaTask task = {};
  task.moduleHandle = loadable.module;
  task.inputTensor = inputPointers.data();
  task.numInputTensors = static_cast<uint32_t>(inputPointers.size());
  task.outputTensor = outputPointers.data();
  task.numOutputTensors = static_cast<uint32_t>(outputPointers.size());
  check(cudlaSubmitTask(loadable.device, &task, 1, stream.stream, 0), "cudlaSubmitTask");
  std::vector<Bytes> given;
  for (size_t i = 0; i < outputs.size(); i++) {
    given.emplace_back(outputs[i].bytes);
    check(cudaMemcpyAsync(given[i].data(), results[i].memory, outputs[i].bytes, cudaMemcpyDeviceToHost, stream.stream),
          "cudaMemcpyAsync");
  }
  check(cudaStreamSynchronize(stream.stream), "cudaStreamSynchronize");
  check(cudlaGetLastError(loadable.device), "cudlaGetLastError");
  return given;
}

int main(int argc, char **argv) { return hostMain(argc, argv); }
`;

export const standaloneHost = `// Runs the loadable through cuDLA in standalone mode: without CUDA, with buffers and fences of NvSci. Untested on a board.
#include "host.h"

#include <nvscibuf.h>
#include <nvscisync.h>

static void check(NvSciError status, const char *call) {
  require(status == NvSciError_Success, std::string(call) + ": NvSciError " + std::to_string(static_cast<int>(status)));
}

// Memory that the processor and the DLA see.
class Buffer {
public:
  uint8_t *memory = nullptr;
  uint64_t *onDla = nullptr;

  Buffer(NvSciBufModule buffers, cudlaDevHandle device, size_t size) : device(device) {
    NvSciBufAttrList asked = nullptr, settled = nullptr, conflict = nullptr;
    try {
      check(NvSciBufAttrListCreate(buffers, &asked), "NvSciBufAttrListCreate");
      // As many bytes as the surface has, which NvSci need not know the layout of.
      const NvSciBufType type = NvSciBufType_Tensor;
      const NvSciBufAttrValDataType element = NvSciDataType_Int8;
      const int32_t dimensions = 1;
      const uint32_t alignment[1] = {1};
      const uint64_t sizes[1] = {size}, base = 512;
      const bool processor = true;
      const NvSciBufAttrValAccessPerm permission = NvSciBufAccessPerm_ReadWrite;
      NvSciBufAttrKeyValuePair pairs[] = {
          {NvSciBufGeneralAttrKey_Types, &type, sizeof type},
          {NvSciBufTensorAttrKey_DataType, &element, sizeof element},
          {NvSciBufTensorAttrKey_NumDims, &dimensions, sizeof dimensions},
          {NvSciBufTensorAttrKey_SizePerDim, sizes, sizeof sizes},
          {NvSciBufTensorAttrKey_AlignmentPerDim, alignment, sizeof alignment},
          {NvSciBufTensorAttrKey_BaseAddrAlign, &base, sizeof base},
          {NvSciBufGeneralAttrKey_NeedCpuAccess, &processor, sizeof processor},
          {NvSciBufGeneralAttrKey_RequiredPerm, &permission, sizeof permission},
      };
      check(NvSciBufAttrListSetAttrs(asked, pairs, sizeof pairs / sizeof *pairs), "NvSciBufAttrListSetAttrs");
      check(NvSciBufAttrListReconcile(&asked, 1, &settled, &conflict), "NvSciBufAttrListReconcile");
      check(NvSciBufObjAlloc(settled, &object), "NvSciBufObjAlloc");
      void *pointer = nullptr;
      check(NvSciBufObjGetCpuPtr(object, &pointer), "NvSciBufObjGetCpuPtr");
      memory = static_cast<uint8_t *>(pointer);
      cudlaExternalMemoryHandleDesc handle = {};
      handle.extBufObject = object;
      handle.size = size;
      check(cudlaImportExternalMemory(device, &handle, &onDla, 0), "cudlaImportExternalMemory");
    } catch (...) {
      release(asked, settled, conflict);
      if (object) NvSciBufObjFree(object);
      throw;
    }
    release(asked, settled, conflict);
  }
  ~Buffer() {
    if (onDla) cudlaMemUnregister(device, onDla);
    if (object) NvSciBufObjFree(object);
  }
  Buffer(Buffer &&other) noexcept : memory(other.memory), onDla(other.onDla), device(other.device), object(other.object) {
    other.onDla = nullptr;
    other.object = nullptr;
  }
  Buffer(const Buffer &) = delete;

private:
  cudlaDevHandle device;
  NvSciBufObj object = nullptr;

  static void release(NvSciBufAttrList asked, NvSciBufAttrList settled, NvSciBufAttrList conflict) {
    if (asked) NvSciBufAttrListFree(asked);
    if (settled) NvSciBufAttrListFree(settled);
    if (conflict) NvSciBufAttrListFree(conflict);
  }
};

// The end of a task: the DLA signals it, the processor waits for it.
class Signal {
public:
  uint64_t *onDla = nullptr;
  NvSciSyncFence fence = NvSciSyncFenceInitializer;

  Signal(NvSciSyncModule syncs, cudlaDevHandle device) : device(device) {
    NvSciSyncAttrList asked[2] = {nullptr, nullptr}, settled = nullptr, conflict = nullptr;
    try {
      check(NvSciSyncAttrListCreate(syncs, &asked[0]), "NvSciSyncAttrListCreate");
      check(NvSciSyncAttrListCreate(syncs, &asked[1]), "NvSciSyncAttrListCreate");
      check(cudlaGetNvSciSyncAttributes(reinterpret_cast<uint64_t *>(asked[0]), CUDLA_NVSCISYNC_ATTR_SIGNAL),
            "cudlaGetNvSciSyncAttributes");
      const bool processor = true;
      const NvSciSyncAccessPerm permission = NvSciSyncAccessPerm_WaitOnly;
      const NvSciSyncAttrKeyValuePair pairs[] = {
          {NvSciSyncAttrKey_NeedCpuAccess, &processor, sizeof processor},
          {NvSciSyncAttrKey_RequiredPerm, &permission, sizeof permission},
      };
      check(NvSciSyncAttrListSetAttrs(asked[1], pairs, sizeof pairs / sizeof *pairs), "NvSciSyncAttrListSetAttrs");
      check(NvSciSyncAttrListReconcile(asked, 2, &settled, &conflict), "NvSciSyncAttrListReconcile");
      check(NvSciSyncObjAlloc(settled, &object), "NvSciSyncObjAlloc");
      check(NvSciSyncCpuWaitContextAlloc(syncs, &waiting), "NvSciSyncCpuWaitContextAlloc");
      cudlaExternalSemaphoreHandleDesc handle = {};
      handle.extSyncObject = object;
      check(cudlaImportExternalSemaphore(device, &handle, &onDla, 0), "cudlaImportExternalSemaphore");
    } catch (...) {
      release(asked, settled, conflict);
      close();
      throw;
    }
    release(asked, settled, conflict);
  }
  ~Signal() { close(); }
  Signal(const Signal &) = delete;

  // Two seconds, in microseconds.
  void wait() { check(NvSciSyncFenceWait(&fence, waiting, 2000000), "NvSciSyncFenceWait"); }

private:
  cudlaDevHandle device;
  NvSciSyncObj object = nullptr;
  NvSciSyncCpuWaitContext waiting = nullptr;

  static void release(NvSciSyncAttrList (&asked)[2], NvSciSyncAttrList settled, NvSciSyncAttrList conflict) {
    for (NvSciSyncAttrList list : asked)
      if (list) NvSciSyncAttrListFree(list);
    if (settled) NvSciSyncAttrListFree(settled);
    if (conflict) NvSciSyncAttrListFree(conflict);
  }

  void close() {
    NvSciSyncFenceClear(&fence);
    if (onDla) cudlaMemUnregister(device, onDla);
    if (waiting) NvSciSyncCpuWaitContextFree(waiting);
    if (object) NvSciSyncObjFree(object);
  }
};

struct Modules {
  NvSciBufModule buffers = nullptr;
  NvSciSyncModule syncs = nullptr;
  Modules() {
    check(NvSciBufModuleOpen(&buffers), "NvSciBufModuleOpen");
    check(NvSciSyncModuleOpen(&syncs), "NvSciSyncModuleOpen");
  }
  ~Modules() {
    if (buffers) NvSciBufModuleClose(buffers);
    if (syncs) NvSciSyncModuleClose(syncs);
  }
};

std::vector<Bytes> run(const Bytes &bytes, uint64_t core, const std::vector<Bytes> &surfaces) {
  Modules modules;
  Loadable loadable(bytes, core, CUDLA_STANDALONE);
  std::vector<Buffer> sources, results;
  std::vector<uint64_t *> inputPointers(inputs.size()), outputPointers(outputs.size());
  for (size_t i = 0; i < inputs.size(); i++) {
    sources.emplace_back(modules.buffers, loadable.device, inputs[i].bytes);
    inputPointers[loadable.inputPlaces[i]] = sources[i].onDla;
    std::memcpy(sources[i].memory, surfaces[i].data(), inputs[i].bytes);
  }
  for (size_t i = 0; i < outputs.size(); i++) {
    results.emplace_back(modules.buffers, loadable.device, outputs[i].bytes);
    outputPointers[loadable.outputPlaces[i]] = results[i].onDla;
    std::memset(results[i].memory, 0, outputs[i].bytes);
  }
  Signal end(modules.syncs, loadable.device);
  CudlaFence fence = {};
  fence.fence = &end.fence;
  fence.type = CUDLA_NVSCISYNC_FENCE;
  cudlaSignalEvents signals = {};
  signals.devPtrs = &end.onDla;
  signals.eofFences = &fence;
  signals.numEvents = 1;
  cudlaTask task = {};
  task.moduleHandle = loadable.module;
  task.inputTensor = inputPointers.data();
  task.numInputTensors = static_cast<uint32_t>(inputPointers.size());
  task.outputTensor = outputPointers.data();
  task.numOutputTensors = static_cast<uint32_t>(outputPointers.size());
  task.signalEvents = &signals;
  check(cudlaSubmitTask(loadable.device, &task, 1, nullptr, 0), "cudlaSubmitTask");
  end.wait();
  check(cudlaGetLastError(loadable.device), "cudlaGetLastError");
  std::vector<Bytes> given;
  for (size_t i = 0; i < outputs.size(); i++) given.emplace_back(results[i].memory, results[i].memory + outputs[i].bytes);
  return given;
}

int main(int argc, char **argv) { return hostMain(argc, argv); }
`;

export const makefile = `# Builds both hosts on the board. JetPack has CUDA and cuDLA in /usr/local/cuda, and NvSci among its libraries where it is installed.
CUDA ?= /usr/local/cuda
NVSCI ?= /usr/lib/aarch64-linux-gnu/nvidia
CXXFLAGS += -std=c++17 -O2 -Wall -I$(CUDA)/include
LDFLAGS += -L$(CUDA)/lib64

all: hybrid standalone

hybrid: hybrid.cpp host.h bindings.h
	$(CXX) $(CXXFLAGS) $< -o $@ $(LDFLAGS) -lcudla -lcudart

standalone: standalone.cpp host.h bindings.h
	$(CXX) $(CXXFLAGS) $< -o $@ $(LDFLAGS) -L$(NVSCI) -lcudla -lnvscibuf -lnvscisync
`;
