/** Of the kernels that belong to these sources. Written by scripts/build-kernels.mjs; commit it with them. */
export const kernelVersion = 'ab7a22835d18c30b';
