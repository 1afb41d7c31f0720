import { DlakitError, type Problem } from '../../base/errors.ts';

/** The problem that some work throws. Anything else it throws goes on; throwing nothing is a failure of the test. */
export function problemOf(work: () => unknown): Problem {
  try {
    work();
  } catch (error) {
    if (error instanceof DlakitError) return error.problem;
    throw error;
  }
  throw new Error('expected a problem, but none was thrown');
}
