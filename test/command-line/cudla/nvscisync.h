// What the standalone host uses of NvSciSync. A stand-in for tests.
#pragma once
#include <cstddef>
#include <cstdint>

#include "nvscibuf.h"

typedef struct NvSciSyncModuleRec *NvSciSyncModule;
typedef struct NvSciSyncAttrListRec *NvSciSyncAttrList;
typedef struct NvSciSyncObjRec *NvSciSyncObj;
typedef struct NvSciSyncCpuWaitContextRec *NvSciSyncCpuWaitContext;
enum NvSciSyncAccessPerm { NvSciSyncAccessPerm_WaitOnly = 1 };
enum NvSciSyncAttrKey { NvSciSyncAttrKey_NeedCpuAccess, NvSciSyncAttrKey_RequiredPerm };
struct NvSciSyncAttrKeyValuePair {
  NvSciSyncAttrKey attrKey;
  const void *value;
  size_t len;
};
struct NvSciSyncFence {
  uint64_t payload[6];
};
#define NvSciSyncFenceInitializer {{0}}

extern "C" {
NvSciError NvSciSyncModuleOpen(NvSciSyncModule *newModule);
void NvSciSyncModuleClose(NvSciSyncModule module);
NvSciError NvSciSyncAttrListCreate(NvSciSyncModule module, NvSciSyncAttrList *attrList);
NvSciError NvSciSyncAttrListSetAttrs(NvSciSyncAttrList attrList, const NvSciSyncAttrKeyValuePair *pairArray, size_t pairCount);
NvSciError NvSciSyncAttrListReconcile(const NvSciSyncAttrList inputArray[], size_t inputCount, NvSciSyncAttrList *newReconciledList,
                                      NvSciSyncAttrList *newConflictList);
void NvSciSyncAttrListFree(NvSciSyncAttrList attrList);
NvSciError NvSciSyncObjAlloc(NvSciSyncAttrList reconciledList, NvSciSyncObj *syncObj);
void NvSciSyncObjFree(NvSciSyncObj syncObj);
NvSciError NvSciSyncCpuWaitContextAlloc(NvSciSyncModule module, NvSciSyncCpuWaitContext *newContext);
void NvSciSyncCpuWaitContextFree(NvSciSyncCpuWaitContext context);
NvSciError NvSciSyncFenceWait(const NvSciSyncFence *syncFence, NvSciSyncCpuWaitContext context, int64_t timeoutUs);
void NvSciSyncFenceClear(NvSciSyncFence *syncFence);
}
