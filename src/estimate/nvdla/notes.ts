/** The limits of a stripe estimate, which are shown beside it. */

import type { Plan } from '../../program/program.ts';
import type { NvdlaConditions } from './conditions.ts';

export function stripeNotes({ segments }: Plan, { latency, outstanding, launch }: NvdlaConditions): readonly string[] {
  const host = segments.filter(({ kind }) => kind === 'host').length;
  const tasks = segments.length - host;
  return [
    `Cycles by the RTL's stripes and a memory of ${latency} cycles of latency, ${outstanding} bursts under way per client, ` +
      `${launch} cycles to launch; how far such figures are from RTL and FPGA is in docs/estimates.md.`,
    'Not modelled: refresh and bank conflicts of the memory, other traffic on it, on-chip memory behind the second interface.',
    ...(tasks > 1 ? [`${tasks} DLA tasks; the time between them is not counted.`] : []),
    ...(host > 0 ? [`${host} segment${host > 1 ? 's' : ''} outside the DLA: not timed.`] : []),
  ];
}
