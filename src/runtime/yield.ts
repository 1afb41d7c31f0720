/** Giving the event loop a turn, so that Ctrl-C, timers and other tasks come through while long work runs. */

/** Resolves in a later turn of the event loop, without the delay that browsers add to timers. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

const longestTurn = 8;

/** Gives a turn only when the last one is some milliseconds ago. */
export function turnTaker(): () => Promise<void> | undefined {
  let last = performance.now();
  return () => {
    if (performance.now() - last < longestTurn) return undefined;
    return nextTurn().then(() => {
      last = performance.now();
    });
  };
}
