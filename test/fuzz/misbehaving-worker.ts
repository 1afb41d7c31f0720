/** A child that does what a bug would do: at 1 it hangs, at 2 it eats all memory, at 3 it dies, at 4 it finds something. */

import type { Job, Message } from './child.ts';

const send = (message: Message): void => {
  process.send?.(message);
};

process.once('message', ({ from, to, step }: Job) => {
  for (let index = from; index < to; index += step) {
    send({ kind: 'start', index });
    if (index === 1) for (;;);
    if (index === 2) for (const all: unknown[] = []; ; ) all.push(Array(1_000_000).fill(index));
    if (index === 3) process.kill(process.pid, 'SIGSEGV');
    const outcome =
      index === 4 ? ({ kind: 'finding', stage: 'read', what: 'TypeError' } as const) : ({ kind: 'passed' } as const);
    send({ kind: 'end', index, input: 'onnx', outcome, milliseconds: 1 });
  }
  send({ kind: 'done' });
  process.disconnect();
});
