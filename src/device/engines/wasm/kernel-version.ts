/** Of the kernels that belong to these sources. Written by scripts/build-kernels.mjs; commit it with them. */
export const kernelVersion = '319c1ee384d16dfe';
