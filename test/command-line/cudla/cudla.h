// What the hosts use of cuDLA, with the names, values and signatures of NVIDIA's API reference (docs.nvidia.com/cuda/cudla-api).
// A stand-in for tests.
#pragma once
#include <cstddef>
#include <cstdint>

#define CUDLA_DATA_FORMAT_NCHW 1U
#define CUDLA_DATA_FORMAT_NHWC 2U
#define CUDLA_DATA_FORMAT_NCxHWx 3U
#define CUDLA_DATA_TYPE_HALF 2U
#define CUDLA_DATA_TYPE_INT8 4U

enum cudlaStatus { cudlaSuccess = 0, cudlaErrorInvalidParam = 1, cudlaErrorInvalidAddress = 4 };
enum cudlaMode { CUDLA_CUDA_DLA = 0, CUDLA_STANDALONE = 1 };
enum cudlaNvSciSyncAttributes { CUDLA_NVSCISYNC_ATTR_WAIT = 1, CUDLA_NVSCISYNC_ATTR_SIGNAL = 2 };
enum cudlaFenceType { CUDLA_NVSCISYNC_FENCE = 1 };
enum cudlaModuleAttributeType {
  CUDLA_NUM_INPUT_TENSORS = 0,
  CUDLA_NUM_OUTPUT_TENSORS = 1,
  CUDLA_INPUT_TENSOR_DESCRIPTORS = 2,
  CUDLA_OUTPUT_TENSOR_DESCRIPTORS = 3
};

typedef struct cudlaDevHandle_t *cudlaDevHandle;
typedef struct cudlaModule_t *cudlaModule;

struct cudlaModuleTensorDescriptor {
  char name[81];
  uint64_t size, n, c, h, w;
  uint8_t dataFormat, dataType, dataCategory, pixelFormat, pixelMapping;
  uint32_t stride[8];
};
union cudlaModuleAttribute {
  uint32_t numInputTensors, numOutputTensors;
  cudlaModuleTensorDescriptor *inputTensorDesc, *outputTensorDesc;
};
struct cudlaExternalMemoryHandleDesc {
  const void *extBufObject;
  unsigned long long size;
};
struct cudlaExternalSemaphoreHandleDesc {
  const void *extSyncObject;
};
struct CudlaFence {
  void *fence;
  cudlaFenceType type;
};
struct cudlaWaitEvents {
  const CudlaFence *preFences;
  uint32_t numEvents;
};
struct cudlaSignalEvents {
  uint64_t *const *devPtrs;
  CudlaFence *eofFences;
  uint32_t numEvents;
};
struct cudlaTask {
  cudlaModule moduleHandle;
  uint64_t *const *outputTensor;
  uint32_t numOutputTensors, numInputTensors;
  const uint64_t *const *inputTensor;
  const cudlaWaitEvents *waitEvents;
  cudlaSignalEvents *signalEvents;
};

extern "C" {
cudlaStatus cudlaCreateDevice(uint64_t const device, cudlaDevHandle *const devHandle, uint32_t const flags);
cudlaStatus cudlaDestroyDevice(cudlaDevHandle const devHandle);
cudlaStatus cudlaModuleLoadFromMemory(cudlaDevHandle const devHandle, const uint8_t *const pModule, size_t const moduleSize,
                                      cudlaModule *const hModule, uint32_t const flags);
cudlaStatus cudlaModuleGetAttributes(cudlaModule const hModule, cudlaModuleAttributeType const attrType,
                                     cudlaModuleAttribute *const attribute);
cudlaStatus cudlaModuleUnload(cudlaModule const hModule, uint32_t const flags);
cudlaStatus cudlaMemRegister(cudlaDevHandle const devHandle, const uint64_t *const ptr, size_t const size, uint64_t **const devPtr,
                             uint32_t const flags);
cudlaStatus cudlaMemUnregister(cudlaDevHandle const devHandle, const uint64_t *const devPtr);
cudlaStatus cudlaImportExternalMemory(cudlaDevHandle const devHandle, const cudlaExternalMemoryHandleDesc *const desc,
                                      uint64_t **const devPtr, uint32_t const flags);
cudlaStatus cudlaImportExternalSemaphore(cudlaDevHandle const devHandle, const cudlaExternalSemaphoreHandleDesc *const desc,
                                         uint64_t **const devPtr, uint32_t const flags);
cudlaStatus cudlaGetNvSciSyncAttributes(uint64_t *attrList, uint32_t const flags);
cudlaStatus cudlaSubmitTask(cudlaDevHandle const devHandle, const cudlaTask *const ptrToTasks, uint32_t const numTasks,
                            void *const stream, uint32_t const flags);
cudlaStatus cudlaGetLastError(cudlaDevHandle const devHandle);
}
