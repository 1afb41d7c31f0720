export { findModule, findPowerMode, findRelease, findTarget, targets } from './find.ts';
export { nvFull, nvLarge, nvSmall } from './nvdla.ts';
export { orin } from './orin.ts';
export { atLeast } from './releases.ts';
export type { Fact, Module, NvdlaFeatures, PowerMode, Release, Target } from './target.ts';
export { xavier } from './xavier.ts';
