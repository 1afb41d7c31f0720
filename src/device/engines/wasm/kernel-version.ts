/** Of the kernels that belong to these sources. Written by scripts/build-kernels.mjs; commit it with them. */
export const kernelVersion = '24de7828d021e17f';
