/** How much more than what is free one key may hold: a key that is alone gets at most four fifths of the room. */
const greed = 4;

/**
 * Room of the process that its pools share out. A key may hold up to `greed` times what is still free, so that one that
 * is alone gets most of it, several that compete come to equal shares, and a newcomer always finds some: dynamic
 * thresholds (Choudhury and Hahne, “Dynamic Queue Length Thresholds for Shared-Memory Packet Switches”, 1998).
 */
export class SharedRoom {
  readonly #size: number;
  readonly #held = new Map<string, number>();
  #total = 0;

  constructor(size: number) {
    this.#size = size;
  }

  /** Held by all keys together. */
  get total(): number {
    return this.#total;
  }

  held(key: string): number {
    return this.#held.get(key) ?? 0;
  }

  /** Takes `amount` for a key, or nothing. */
  take(key: string, amount: number): boolean {
    const free = this.#size - this.#total;
    if (amount > free || this.held(key) + amount > greed * free) return false;
    this.add(key, amount);
    return true;
  }

  /** Takes it beyond all bounds: for what is bounded elsewhere and must not be refused. */
  add(key: string, amount: number): void {
    this.#held.set(key, this.held(key) + amount);
    this.#total += amount;
  }

  giveBack(key: string, amount: number): void {
    const left = this.held(key) - amount;
    if (left > 0) this.#held.set(key, left);
    else this.#held.delete(key);
    this.#total -= amount;
  }
}
