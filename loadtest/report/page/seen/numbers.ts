import { quantile } from '#loadtest/record/request-record.ts';

/** Numbers that come one by one, eight bytes each: those of a million requests fit into 8 MB. */
export class Numbers {
  #values = new Float64Array(1024);
  #length = 0;

  add(value: number): void {
    if (this.#length === this.#values.length) {
      const larger = new Float64Array(2 * this.#length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#length++] = value;
  }

  values(): Float64Array {
    return this.#values.subarray(0, this.#length);
  }
}

/** How numbers of one or several runs lie; all are at hand, so quantiles are exact. */
export class Distribution {
  readonly #sorted: Float64Array;

  constructor(...all: readonly Numbers[]) {
    const values = all.map((one) => one.values());
    this.#sorted = new Float64Array(values.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const some of values) {
      this.#sorted.set(some, at);
      at += some.length;
    }
    this.#sorted.sort();
  }

  get count(): number {
    return this.#sorted.length;
  }

  /** NaN of none. */
  quantile(share: number): number {
    return this.count === 0 ? Number.NaN : quantile(this.#sorted, share);
  }

  /** Share of what is not above this; NaN of none. */
  shareWithin(limit: number): number {
    let [from, until] = [0, this.count];
    while (from < until) {
      const middle = Math.floor((from + until) / 2);
      if ((this.#sorted[middle] ?? 0) <= limit) from = middle + 1;
      else until = middle;
    }
    return from / this.count;
  }
}
