import { scramble } from '#shared/runtime/seeded-random.ts';

/** A chained hash of what was mixed in so far: equal where everything up to here is equal. */
export class PrefixChain {
  low = 0;
  high = 0;

  mix(value: number): void {
    this.low = scramble(this.low ^ scramble(value + 0x9e37_79b9)) >>> 0;
    this.high = scramble(this.high + this.low + 0x7f4a_7c15) >>> 0;
  }
}
