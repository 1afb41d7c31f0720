// cuDLA, CUDA and NvSci as far as the hosts use them. A "loadable" is text: a line for each tensor,
//   input|output name n c h w bytes type format row block file
// A task writes the surfaces that it reads to the files of its inputs, and fills its outputs from theirs. What is not given back, and
// what is done in another order than the API's reference asks for, is a mistake: the process ends with status 3.
#include <cuda_runtime.h>
#include <cudla.h>
#include <nvscisync.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

[[noreturn]] void mistake(const char *what) {
  std::fprintf(stderr, "stand-in: %s\n", what);
  std::_Exit(3);
}
void hold(bool right, const char *what) {
  if (!right) mistake(what);
}

// Everything that is alive, by what it is.
std::map<const void *, std::string> alive;
template <typename T> T create(const char *kind, size_t size = 16) {
  void *made = std::calloc(1, size);
  alive[made] = kind;
  return static_cast<T>(made);
}
void destroy(const void *it, const char *kind) {
  hold(alive.count(it) && alive[it] == kind, kind);
  alive.erase(it);
  std::free(const_cast<void *>(it));
}
void is(const void *it, const char *kind) { hold(alive.count(it) && alive[it] == kind, kind); }
struct AtEnd {
  ~AtEnd() {
    for (const auto &[_, kind] : alive) std::fprintf(stderr, "stand-in: left behind: %s\n", kind.c_str());
    if (!alive.empty()) std::_Exit(3);
  }
} atEnd;

struct Tensor {
  cudlaModuleTensorDescriptor description = {};
  std::string file;
};
std::vector<Tensor> tensorsOf[2];
uint32_t mode;
std::map<const uint64_t *, std::pair<void *, size_t>> registered;
std::map<const void *, size_t> sizes;

uint64_t *registerMemory(void *memory, size_t size) {
  uint64_t *handle = create<uint64_t *>("registration");
  registered[handle] = {memory, size};
  return handle;
}

} // namespace

extern "C" {

cudlaStatus cudlaCreateDevice(uint64_t const device, cudlaDevHandle *const handle, uint32_t const flags) {
  if (device > 1) return cudlaErrorInvalidParam;
  mode = flags;
  *handle = create<cudlaDevHandle>("device");
  return cudlaSuccess;
}
cudlaStatus cudlaDestroyDevice(cudlaDevHandle const handle) {
  hold(registered.empty(), "memory is still registered");
  destroy(handle, "device");
  return cudlaSuccess;
}
cudlaStatus cudlaModuleLoadFromMemory(cudlaDevHandle const device, const uint8_t *const bytes, size_t const size, cudlaModule *const module,
                                      uint32_t const) {
  is(device, "device");
  std::istringstream text(std::string(reinterpret_cast<const char *>(bytes), size));
  std::string side;
  while (text >> side) {
    Tensor tensor;
    cudlaModuleTensorDescriptor &d = tensor.description;
    std::string name;
    int type, format;
    text >> name >> d.n >> d.c >> d.h >> d.w >> d.size >> type >> format >> d.stride[1] >> d.stride[2] >> tensor.file;
    if (text.fail() || (side != "input" && side != "output")) return cudlaErrorInvalidParam;
    std::strncpy(d.name, name.c_str(), 80);
    d.dataType = static_cast<uint8_t>(type);
    d.dataFormat = static_cast<uint8_t>(format);
    tensorsOf[side == "output"].push_back(tensor);
  }
  *module = create<cudlaModule>("module");
  return cudlaSuccess;
}
cudlaStatus cudlaModuleGetAttributes(cudlaModule const module, cudlaModuleAttributeType const type, cudlaModuleAttribute *const attribute) {
  is(module, "module");
  const auto &tensors = tensorsOf[type == CUDLA_NUM_OUTPUT_TENSORS || type == CUDLA_OUTPUT_TENSOR_DESCRIPTORS];
  if (type == CUDLA_NUM_INPUT_TENSORS) attribute->numInputTensors = static_cast<uint32_t>(tensors.size());
  else if (type == CUDLA_NUM_OUTPUT_TENSORS) attribute->numOutputTensors = static_cast<uint32_t>(tensors.size());
  else for (size_t i = 0; i < tensors.size(); i++) attribute->inputTensorDesc[i] = tensors[i].description;
  return cudlaSuccess;
}
cudlaStatus cudlaModuleUnload(cudlaModule const module, uint32_t const) {
  destroy(module, "module");
  return cudlaSuccess;
}
cudlaStatus cudlaMemRegister(cudlaDevHandle const device, const uint64_t *const pointer, size_t const size, uint64_t **const handle,
                             uint32_t const) {
  is(device, "device");
  hold(mode == CUDLA_CUDA_DLA, "CUDA's memory belongs to the hybrid mode");
  is(pointer, "cuda memory");
  *handle = registerMemory(const_cast<uint64_t *>(pointer), size);
  return cudlaSuccess;
}
cudlaStatus cudlaMemUnregister(cudlaDevHandle const device, const uint64_t *const handle) {
  is(device, "device");
  destroy(handle, "registration");
  registered.erase(handle);
  return cudlaSuccess;
}
cudlaStatus cudlaImportExternalMemory(cudlaDevHandle const device, const cudlaExternalMemoryHandleDesc *const description,
                                      uint64_t **const handle, uint32_t const) {
  is(device, "device");
  hold(mode == CUDLA_STANDALONE, "buffers of NvSci belong to the standalone mode");
  is(description->extBufObject, "buffer");
  hold(sizes[description->extBufObject] == description->size, "a buffer has another size");
  *handle = registerMemory(const_cast<void *>(description->extBufObject), description->size);
  return cudlaSuccess;
}
cudlaStatus cudlaImportExternalSemaphore(cudlaDevHandle const device, const cudlaExternalSemaphoreHandleDesc *const description,
                                         uint64_t **const handle, uint32_t const) {
  is(device, "device");
  is(description->extSyncObject, "sync object");
  *handle = registerMemory(const_cast<void *>(description->extSyncObject), 0);
  return cudlaSuccess;
}
cudlaStatus cudlaGetNvSciSyncAttributes(uint64_t *list, uint32_t const flags) {
  is(list, "sync list");
  *list |= flags;
  return cudlaSuccess;
}
cudlaStatus cudlaSubmitTask(cudlaDevHandle const device, const cudlaTask *const task, uint32_t const count, void *const stream,
                            uint32_t const) {
  is(device, "device");
  is(task->moduleHandle, "module");
  hold(count == 1 && task->numInputTensors == tensorsOf[0].size() && task->numOutputTensors == tensorsOf[1].size(), "tensors of a task");
  hold((stream != nullptr) == (mode == CUDLA_CUDA_DLA), "a stream belongs to the hybrid mode");
  for (size_t i = 0; i < tensorsOf[0].size(); i++) {
    const auto [memory, size] = registered.at(task->inputTensor[i]);
    hold(size == tensorsOf[0][i].description.size, "an input has another size");
    std::ofstream(tensorsOf[0][i].file, std::ios::binary).write(static_cast<char *>(memory), static_cast<std::streamsize>(size));
  }
  for (size_t i = 0; i < tensorsOf[1].size(); i++) {
    const auto [memory, size] = registered.at(task->outputTensor[i]);
    hold(size == tensorsOf[1][i].description.size, "an output has another size");
    std::ifstream(tensorsOf[1][i].file, std::ios::binary).read(static_cast<char *>(memory), static_cast<std::streamsize>(size));
  }
  if (mode == CUDLA_STANDALONE) {
    hold(task->signalEvents && task->signalEvents->numEvents == 1, "nothing says that the task is done");
    registered.at(task->signalEvents->devPtrs[0]);
    hold(task->signalEvents->eofFences[0].type == CUDLA_NVSCISYNC_FENCE, "the type of a fence");
    static_cast<NvSciSyncFence *>(task->signalEvents->eofFences[0].fence)->payload[0] = 1;
  }
  return cudlaSuccess;
}
cudlaStatus cudlaGetLastError(cudlaDevHandle const device) {
  is(device, "device");
  return cudlaSuccess;
}

const char *cudaGetErrorString(cudaError_t) { return "a mistake"; }
cudaError_t cudaSetDevice(int) { return cudaSuccess; }
cudaError_t cudaMalloc(void **pointer, size_t size) {
  *pointer = create<void *>("cuda memory", size);
  sizes[*pointer] = size;
  return cudaSuccess;
}
cudaError_t cudaFree(void *pointer) {
  for (const auto &[_, memory] : registered) hold(memory.first != pointer, "memory is freed while it is registered");
  destroy(pointer, "cuda memory");
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned int) {
  *stream = create<cudaStream_t>("stream");
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  destroy(stream, "stream");
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  is(stream, "stream");
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t count, cudaMemcpyKind kind, cudaStream_t stream) {
  is(stream, "stream");
  const void *onDevice = kind == cudaMemcpyHostToDevice ? to : from;
  is(onDevice, "cuda memory");
  hold(sizes[onDevice] == count, "a copy of another size");
  std::memcpy(to, from, count);
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void *pointer, int value, size_t count, cudaStream_t stream) {
  is(stream, "stream");
  is(pointer, "cuda memory");
  std::memset(pointer, value, count);
  return cudaSuccess;
}

NvSciError NvSciBufModuleOpen(NvSciBufModule *module) {
  *module = create<NvSciBufModule>("buffer module");
  return NvSciError_Success;
}
void NvSciBufModuleClose(NvSciBufModule module) { destroy(module, "buffer module"); }
NvSciError NvSciBufAttrListCreate(NvSciBufModule module, NvSciBufAttrList *list) {
  is(module, "buffer module");
  *list = create<NvSciBufAttrList>("buffer list");
  return NvSciError_Success;
}
NvSciError NvSciBufAttrListSetAttrs(NvSciBufAttrList list, NvSciBufAttrKeyValuePair *pairs, size_t count) {
  is(list, "buffer list");
  std::set<int> keys;
  for (size_t i = 0; i < count; i++) {
    keys.insert(pairs[i].key);
    if (pairs[i].key == NvSciBufTensorAttrKey_SizePerDim) sizes[list] = *static_cast<const uint64_t *>(pairs[i].value);
    if (pairs[i].key == NvSciBufTensorAttrKey_NumDims) hold(*static_cast<const int32_t *>(pairs[i].value) == 1, "dimensions");
  }
  return keys.size() == 8 ? NvSciError_Success : NvSciError_BadParameter;
}
NvSciError NvSciBufAttrListReconcile(const NvSciBufAttrList lists[], size_t, NvSciBufAttrList *settled, NvSciBufAttrList *conflict) {
  is(lists[0], "buffer list");
  *settled = create<NvSciBufAttrList>("buffer list");
  sizes[*settled] = sizes[lists[0]];
  *conflict = nullptr;
  return NvSciError_Success;
}
void NvSciBufAttrListFree(NvSciBufAttrList list) { destroy(list, "buffer list"); }
NvSciError NvSciBufObjAlloc(NvSciBufAttrList list, NvSciBufObj *object) {
  is(list, "buffer list");
  *object = create<NvSciBufObj>("buffer", sizes[list]);
  sizes[*object] = sizes[list];
  return NvSciError_Success;
}
NvSciError NvSciBufObjGetCpuPtr(NvSciBufObj object, void **pointer) {
  is(object, "buffer");
  *pointer = object;
  return NvSciError_Success;
}
void NvSciBufObjFree(NvSciBufObj object) {
  for (const auto &[_, memory] : registered) hold(memory.first != object, "a buffer is freed while it is registered");
  destroy(object, "buffer");
}

NvSciError NvSciSyncModuleOpen(NvSciSyncModule *module) {
  *module = create<NvSciSyncModule>("sync module");
  return NvSciError_Success;
}
void NvSciSyncModuleClose(NvSciSyncModule module) { destroy(module, "sync module"); }
NvSciError NvSciSyncAttrListCreate(NvSciSyncModule module, NvSciSyncAttrList *list) {
  is(module, "sync module");
  *list = create<NvSciSyncAttrList>("sync list");
  return NvSciError_Success;
}
NvSciError NvSciSyncAttrListSetAttrs(NvSciSyncAttrList list, const NvSciSyncAttrKeyValuePair *pairs, size_t count) {
  is(list, "sync list");
  for (size_t i = 0; i < count; i++)
    if (pairs[i].attrKey == NvSciSyncAttrKey_RequiredPerm)
      *reinterpret_cast<uint64_t *>(list) |= *static_cast<const NvSciSyncAccessPerm *>(pairs[i].value);
  return NvSciError_Success;
}
NvSciError NvSciSyncAttrListReconcile(const NvSciSyncAttrList lists[], size_t count, NvSciSyncAttrList *settled,
                                      NvSciSyncAttrList *conflict) {
  uint64_t roles = 0;
  for (size_t i = 0; i < count; i++) {
    is(lists[i], "sync list");
    roles |= *reinterpret_cast<const uint64_t *>(lists[i]);
  }
  hold(roles == (CUDLA_NVSCISYNC_ATTR_SIGNAL | NvSciSyncAccessPerm_WaitOnly), "one signals and one waits");
  *settled = create<NvSciSyncAttrList>("sync list");
  *conflict = nullptr;
  return NvSciError_Success;
}
void NvSciSyncAttrListFree(NvSciSyncAttrList list) { destroy(list, "sync list"); }
NvSciError NvSciSyncObjAlloc(NvSciSyncAttrList list, NvSciSyncObj *object) {
  is(list, "sync list");
  *object = create<NvSciSyncObj>("sync object");
  return NvSciError_Success;
}
void NvSciSyncObjFree(NvSciSyncObj object) { destroy(object, "sync object"); }
NvSciError NvSciSyncCpuWaitContextAlloc(NvSciSyncModule module, NvSciSyncCpuWaitContext *context) {
  is(module, "sync module");
  *context = create<NvSciSyncCpuWaitContext>("wait context");
  return NvSciError_Success;
}
void NvSciSyncCpuWaitContextFree(NvSciSyncCpuWaitContext context) { destroy(context, "wait context"); }
NvSciError NvSciSyncFenceWait(const NvSciSyncFence *fence, NvSciSyncCpuWaitContext context, int64_t) {
  is(context, "wait context");
  return fence->payload[0] == 1 ? NvSciError_Success : NvSciError_Timeout;
}
void NvSciSyncFenceClear(NvSciSyncFence *fence) { *fence = NvSciSyncFenceInitializer; }
}
