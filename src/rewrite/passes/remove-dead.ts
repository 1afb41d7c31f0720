/** Takes out nodes whose results nobody reads. */

import type { Pass } from '../pass.ts';

export const removeDead: Pass = {
  name: 'remove-dead',
  doc: 'Removes nodes whose results nobody reads.',
  since: 'Other passes leave them behind, and exporters do.',
  kind: 'normalize',
  match: (node, view) =>
    node.outputs.some((output) => output !== '' && view.isUsed(output)) ? undefined : { remove: [node] },
};
