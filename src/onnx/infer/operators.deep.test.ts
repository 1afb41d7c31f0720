/** The property of operators.test.ts on many more nodes. */

import { expect, test } from 'vitest';
import { families, holdToOnnxruntime } from '../testing/random-nodes/families.ts';

test.each(families)('%s', async (_, nodes, runs) => {
  expect(await holdToOnnxruntime(nodes, 20 * runs)).toBeGreaterThan(5 * runs);
});
