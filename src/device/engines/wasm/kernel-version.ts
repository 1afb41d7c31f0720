/** Of the kernels that belong to these sources. Written by scripts/build-kernels.mjs; commit it with them. */
export const kernelVersion = '5ff77ac49519307f';
