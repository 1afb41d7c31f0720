/** Of the kernels that belong to these sources. Written by scripts/build-kernels.mjs; commit it with them. */
export const kernelVersion = '29a68137a59e3f7d';
