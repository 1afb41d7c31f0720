import { equalsTheReference } from '../../../testing/nvdla/engine-agreement.ts';

equalsTheReference([{ name: 'single-threaded build', shared: false, threads: 1, runs: 40 }]);
