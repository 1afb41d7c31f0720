import { equalsTheReference } from '../../../testing/nvdla/engine-agreement.ts';

equalsTheReference([
  { name: 'threads build, 1 thread', shared: true, threads: 1, runs: 10 },
  { name: 'threads build, 2 threads', shared: true, threads: 2, runs: 20 },
  { name: 'threads build, 4 threads', shared: true, threads: 4, runs: 10 },
]);
