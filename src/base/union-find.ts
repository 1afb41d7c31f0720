/**
 * Disjoint sets that only ever join. Elements are whole numbers from 0 in the order in which they are added; each set is known
 * by one of its elements, its root.
 */

export class UnionFind {
  readonly #parents: number[];

  /** @param count elements to begin with, each alone in its set */
  constructor(count = 0) {
    this.#parents = Array.from({ length: count }, (_, element) => element);
  }

  /** Adds an element, alone in its set. */
  add(): number {
    return this.#parents.push(this.#parents.length) - 1;
  }

  /** The root of the set of an element. */
  find(element: number): number {
    let root = element;
    while (this.#parents[root] !== root) root = this.#parents[root]!;
    for (let at = element; at !== root; ) {
      const next = this.#parents[at]!;
      this.#parents[at] = root;
      at = next;
    }
    return root;
  }

  /** Joins the set of `other` to that of `element`, whose root remains. Gives that root. */
  join(element: number, other: number): number {
    const root = this.find(element);
    this.#parents[this.find(other)] = root;
    return root;
  }
}
