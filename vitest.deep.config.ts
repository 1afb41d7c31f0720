import { defineConfig } from 'vitest/config';
import suite from './vitest.config.ts';

/** `npm run test:deep`: the long properties. */
export default defineConfig({
  test: {
    ...suite.test,
    include: ['src/**/*.deep.test.ts', 'test/**/*.deep.test.ts'],
    exclude: ['**/node_modules/**'],
  },
});
