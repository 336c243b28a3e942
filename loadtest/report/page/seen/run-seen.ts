import { Observer, type Figures } from '#loadtest/record/figures.ts';
import { isGood, itlMs, ttftMs, type RequestRecord } from '#loadtest/record/request-record.ts';
import type { KeptRun, RunAbout, Sample } from '#loadtest/record/run-folder.ts';
import { floodClient } from '#loadtest/workload/flood.ts';
import { Numbers } from './numbers.ts';

/** What ended in one piece of a run's time, and how the fleet was then. */
export interface Slice {
  done: number;
  good: number;
  failed: number;
  promptTokens: number;
  cachedTokens: number;
  samples: number;
  queued: number;
  /** Of each replica; sums over the samples. */
  inFlight: number[];
}

/** A run as a report needs it: a line of its files is looked at once and forgotten, so that a day fits. */
export interface RunSeen {
  readonly folder: string;
  readonly about: RunAbout;
  /** Of a run that broke off: what it had come to. */
  readonly figures: Figures;
  /** Milliseconds; where a run broke off, its last line. */
  readonly until: number;
  readonly brokenOff: boolean;
  /** Of answers that count. */
  readonly ttftMs: Numbers;
  readonly itlMs: Numbers;
  readonly e2eMs: Numbers;
  readonly tokens: { prompt: number; cached: number; output: number };
  /** Of everything, warm-up included. */
  readonly slices: readonly Slice[];
  readonly sliceMs: number;
  /** Mean and most of each replica, and the share of samples in which it had nothing; after the warm-up. */
  readonly replicas: readonly { readonly mean: number; readonly max: number; readonly idle: number }[];
  readonly queuedMax: number;
  /** Requests of a flood, which figures leave out. */
  readonly flooded: number;
}

const minute = 60_000;
/** Slices of a run: as many points as a plot can show. */
const slicesWanted = 60;

/** Reads a kept run, whole or broken off. @throws if a line is no JSON, but for a last one that was cut off */
export async function seeRun(run: KeptRun): Promise<RunSeen> {
  const { minutes, warmUpMinutes } = run.about.scenario;
  const tally = new Tally(minutes * minute, warmUpMinutes * minute, run.figures === undefined);
  for await (const record of run.requests()) tally.request(record);
  for await (const sample of run.samples()) tally.sample(sample);
  return { folder: run.folder, about: run.about, ...tally.seen(run.figures) };
}

class Tally {
  readonly #until: number;
  readonly #from: number;
  readonly #sliceMs: number;
  readonly #slices: Slice[] = [];
  readonly #observer: Observer | undefined;
  readonly #ttftMs = new Numbers();
  readonly #itlMs = new Numbers();
  readonly #e2eMs = new Numbers();
  readonly #tokens = { prompt: 0, cached: 0, output: 0 };
  readonly #replicas: { sum: number; max: number; idle: number }[] = [];
  #samples = 0;
  #queuedMax = 0;
  #flooded = 0;
  #last = 0;

  constructor(until: number, from: number, observes: boolean) {
    this.#until = until;
    this.#from = from;
    this.#sliceMs = Math.max(1, Math.ceil(until / slicesWanted / 10_000)) * 10_000;
    this.#observer = observes ? new Observer(from) : undefined;
  }

  request(record: RequestRecord): void {
    this.#last = Math.max(this.#last, record.lastAt);
    if (record.client === floodClient) {
      this.#flooded += 1;
      return;
    }
    this.#observer?.add(record);
    const slice = this.#sliceAt(record.lastAt);
    if (record.outcome === 'refused' || record.outcome === 'broken') slice.failed += 1;
    if (record.outcome !== 'done') return;
    slice.done += 1;
    if (isGood(record)) slice.good += 1;
    slice.promptTokens += record.promptTokens;
    slice.cachedTokens += record.cachedTokens ?? Number.NaN;
    if (record.lastAt < this.#from) return;
    this.#ttftMs.add(ttftMs(record));
    this.#e2eMs.add(record.lastAt - record.askedAt);
    if (record.outputTokens > 1) this.#itlMs.add(itlMs(record));
    this.#tokens.prompt += record.promptTokens;
    this.#tokens.cached += record.cachedTokens ?? Number.NaN;
    this.#tokens.output += record.outputTokens;
  }

  sample({ at, inFlight, queued = 0 }: Sample): void {
    this.#last = Math.max(this.#last, at);
    const slice = this.#sliceAt(at);
    slice.samples += 1;
    slice.queued += queued;
    for (const [index, count] of inFlight.entries()) slice.inFlight[index] = (slice.inFlight[index] ?? 0) + count;
    if (at < this.#from) return;
    this.#samples += 1;
    this.#queuedMax = Math.max(this.#queuedMax, queued);
    for (const [index, count] of inFlight.entries()) {
      const replica = (this.#replicas[index] ??= { sum: 0, max: 0, idle: 0 });
      replica.sum += count;
      replica.max = Math.max(replica.max, count);
      if (count === 0) replica.idle += 1;
    }
  }

  seen(figures: Figures | undefined): Omit<RunSeen, 'folder' | 'about'> {
    const until = figures === undefined ? this.#last : this.#until;
    return {
      figures: figures ?? (this.#observer ?? new Observer(this.#from)).figures(until),
      until,
      brokenOff: figures === undefined,
      ttftMs: this.#ttftMs,
      itlMs: this.#itlMs,
      e2eMs: this.#e2eMs,
      tokens: this.#tokens,
      slices: this.#slices,
      sliceMs: this.#sliceMs,
      replicas: this.#replicas.map(({ sum, max, idle }) => ({
        mean: sum / this.#samples,
        max,
        idle: idle / this.#samples,
      })),
      queuedMax: this.#queuedMax,
      flooded: this.#flooded,
    };
  }

  /** What ends at the very end, or after it, is of the last slice. */
  #sliceAt(at: number): Slice {
    const index = Math.min(Math.floor(at / this.#sliceMs), Math.ceil(this.#until / this.#sliceMs) - 1);
    while (this.#slices.length <= index)
      this.#slices.push({
        done: 0,
        good: 0,
        failed: 0,
        promptTokens: 0,
        cachedTokens: 0,
        samples: 0,
        queued: 0,
        inFlight: [],
      });
    return this.#slices[index] as Slice;
  }
}
