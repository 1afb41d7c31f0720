// Which of the two lookup tables of SDP's Y unit answers.

export const hit: i32 = 0;
export const underflow: i32 = 1;
export const overflow: i32 = 2;

/**
 * Whether the second table, LO, does.
 * @param priorities for each of three cases, 1 where it is LO's: both underflow, both overflow, neither answers alone
 */
export function secondAnswers(priorities: usize, le: i32, lo: i32): bool {
  if (le == underflow && lo == underflow) return load<i32>(priorities) != 0;
  if (le == overflow && lo == overflow) return load<i32>(priorities, 4) != 0;
  if ((le == hit) != (lo == hit)) return le != hit;
  return load<i32>(priorities, 8) != 0;
}
