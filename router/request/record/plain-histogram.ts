import { Histogram, type Registry } from 'prom-client';

/**
 * A histogram without labels whose counts are plain numbers until somebody asks: for what is seen with every event of a
 * stream. prom-client's own makes four objects and two texts of each value.
 */
export class PlainHistogram {
  readonly #bounds: readonly number[];
  /** Of each bucket alone; the last one is above all bounds. */
  readonly #counts: Float64Array;
  #sum = 0;

  constructor(about: { name: string; help: string; buckets: number[] }, registry: Registry) {
    this.#bounds = about.buckets;
    this.#counts = new Float64Array(about.buckets.length + 1);
    const tell = (): Promise<object> => Promise.resolve({ ...about, ...this.#told(about.name) });
    // The registry asks the second one for its text, and the first one for values.
    Object.assign(new Histogram({ ...about, registers: [registry] }), { get: tell, getForPromString: tell });
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] ?? Infinity)) bucket += 1;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += value;
  }

  /** As prom-client's own: each bucket with those below it. */
  #told(name: string): object {
    let count = 0;
    const values: object[] = [...this.#counts].map((own, bucket) => {
      count += own;
      return { metricName: `${name}_bucket`, labels: { le: this.#bounds[bucket] ?? '+Inf' }, value: count };
    });
    values.push({ metricName: `${name}_sum`, value: this.#sum }, { metricName: `${name}_count`, value: count });
    return { type: 'histogram', values, aggregator: 'sum' };
  }
}
