/** Events of the Trace Event Format. */

export interface TraceEvent {
  readonly name: string;
  readonly ph: 'X' | 'M' | 'C';
  readonly pid: number;
  readonly tid?: number;
  /** Microseconds. */
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

/** Names a process, or with `tid` a thread. */
export const meta = (pid: number, name: string, value: string): TraceEvent => ({
  name,
  ph: 'M',
  pid,
  args: { name: value },
});

export const slice = (
  pid: number,
  tid: number,
  name: string,
  ts: number,
  dur: number,
  cat: string,
  args: Readonly<Record<string, unknown>>,
): TraceEvent => ({ name, ph: 'X', pid, tid, ts, dur, cat, args });
