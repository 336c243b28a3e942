/** Those who wait, each under a key: keys take turns, and under one key who came first goes first. */
export class FairLine<T> {
  /** In the order of turns. */
  readonly #lines = new Map<string, Set<T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** It waits where it waits if it does already. */
  add(key: string, item: T): void {
    const line = this.#lines.get(key) ?? new Set();
    if (!line.has(item)) this.#size += 1;
    this.#lines.set(key, line.add(item));
  }

  delete(key: string, item: T): void {
    const line = this.#lines.get(key);
    if (line?.delete(item) !== true) return;
    this.#size -= 1;
    if (line.size === 0) this.#lines.delete(key);
  }

  /** Takes out whose turn it is. */
  next(): T | undefined {
    for (const [key, line] of this.#lines)
      for (const item of line) {
        this.delete(key, item);
        this.#lines.delete(key);
        if (line.size > 0) this.#lines.set(key, line);
        return item;
      }
    return undefined;
  }
}
