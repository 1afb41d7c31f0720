// What the standalone host uses of NvSciBuf. A stand-in for tests.
#pragma once
#include <cstddef>
#include <cstdint>

#ifndef NVSCI_ERROR
#define NVSCI_ERROR
enum NvSciError { NvSciError_Success = 0, NvSciError_BadParameter = 0x100, NvSciError_Timeout = 0x502 };
#endif

typedef struct NvSciBufModuleRec *NvSciBufModule;
typedef struct NvSciBufAttrListRec *NvSciBufAttrList;
typedef struct NvSciBufObjRefRec *NvSciBufObj;
enum NvSciBufType { NvSciBufType_Tensor = 4 };
enum NvSciBufAttrValDataType { NvSciDataType_Int8 = 1 };
enum NvSciBufAttrValAccessPerm { NvSciBufAccessPerm_ReadWrite = 2 };
enum NvSciBufAttrKey {
  NvSciBufGeneralAttrKey_Types,
  NvSciBufGeneralAttrKey_NeedCpuAccess,
  NvSciBufGeneralAttrKey_RequiredPerm,
  NvSciBufTensorAttrKey_DataType,
  NvSciBufTensorAttrKey_NumDims,
  NvSciBufTensorAttrKey_SizePerDim,
  NvSciBufTensorAttrKey_AlignmentPerDim,
  NvSciBufTensorAttrKey_BaseAddrAlign
};
struct NvSciBufAttrKeyValuePair {
  NvSciBufAttrKey key;
  const void *value;
  size_t len;
};

extern "C" {
NvSciError NvSciBufModuleOpen(NvSciBufModule *newModule);
void NvSciBufModuleClose(NvSciBufModule module);
NvSciError NvSciBufAttrListCreate(NvSciBufModule module, NvSciBufAttrList *newAttrList);
NvSciError NvSciBufAttrListSetAttrs(NvSciBufAttrList attrList, NvSciBufAttrKeyValuePair *pairArray, size_t pairCount);
NvSciError NvSciBufAttrListReconcile(const NvSciBufAttrList inputArray[], size_t inputCount, NvSciBufAttrList *newReconciledAttrList,
                                     NvSciBufAttrList *newConflictList);
void NvSciBufAttrListFree(NvSciBufAttrList attrList);
NvSciError NvSciBufObjAlloc(NvSciBufAttrList reconciledAttrList, NvSciBufObj *bufObj);
NvSciError NvSciBufObjGetCpuPtr(NvSciBufObj bufObj, void **ptr);
void NvSciBufObjFree(NvSciBufObj bufObj);
}
