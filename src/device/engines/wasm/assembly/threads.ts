// The threads build: everything of the single build, and the life of a helper thread.
//
// A helper announces itself in boxActive before it looks for a job, and the launching thread withdraws the job before it
// waits for boxActive to fall to 0. So a helper that wakes late finds no job, and one that found it is waited for.

import { work } from './index';
import * as job from '../job';

export { work } from './index';

// How often a helper looks for the next job before it sleeps: layers of a network follow within microseconds.
@inline
const patience: i32 = 2000;

export function help(box: usize, thread: i32): void {
  atomic.add<i32>(box, 1, job.boxUp);
  let seen = 0;
  for (;;) {
    let ticket = atomic.load<i32>(box, job.boxTicket);
    for (let i = 0; i < patience && ticket == seen; i++) ticket = atomic.load<i32>(box, job.boxTicket);
    if (ticket == seen) {
      atomic.wait<i32>(box + job.boxTicket, seen, -1);
      continue;
    }
    seen = ticket;
    if (atomic.load<i32>(box, job.boxStop)) return;
    atomic.add<i32>(box, 1, job.boxActive);
    const at = atomic.load<u32>(box, job.boxJob);
    if (at) work(at, thread);
    if (atomic.sub<i32>(box, 1, job.boxActive) == 1) atomic.notify(box + job.boxActive, 1);
  }
}
