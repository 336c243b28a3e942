import { join } from 'node:path';
import { pause, systemClock } from '#shared/runtime/clock.ts';
import { aboutRun, shellLine } from '#loadtest/record/about-run.ts';
import { Observer, type Figures } from '#loadtest/record/figures.ts';
import { readRun, RunFolder } from '#loadtest/record/run-folder.ts';
import { openWorkload, workloadName } from '../workload.ts';
import { AskerProcess, type Seen } from './asker-process.ts';
import type { LoadOptions } from './options.ts';
import { Progress, type Screen } from './progress.ts';
import { lateMsMax, useOf, type Strain } from './strain.ts';
import { summaryOf } from './summary.ts';
import { checkTarget } from './target.ts';
import { WatchedProcesses } from './watched-processes.ts';

const program = join(import.meta.dirname, 'main.ts');
const minute = 60_000;
const [lookMs, watchMs] = [100, 5000] as const;
/** Requests that go out later than this, at the 99th percentile, are not the load that was meant, milliseconds. */
const sentLateMsMax = 50;
/** Characters of what a server said with an error. */
const wordsMax = 300;

/** A run that is over. */
export interface Generated {
  /** Where it is kept. */
  readonly folder: string;
  readonly figures: Figures;
}

/**
 * Plays a workload against a URL and keeps what they saw. It ends when its time is over, or when the signal aborts: what was
 * seen until then is figured out and kept all the same.
 * @throws ConfigError when the target cannot be asked at all, and what the workload's first arrival does
 */
export async function generate(
  options: LoadOptions,
  { signal, screen }: { signal: AbortSignal; screen: Screen },
): Promise<Generated> {
  const model = await checkTarget(options, signal);
  // A file that cannot be read is told here, and not by each process that asks.
  for await (const _first of openWorkload(options).arrivals) break;
  const watched = await WatchedProcesses.of(options.pids);
  const { token: _token, keep, pids: _pids, again, ...told } = options;
  const name = `${new URL(options.url).host}, ${workloadName(options)}, seed ${options.seed}`;
  // Values of headers may be keys.
  const scenario = { ...told, model, headers: Object.keys(options.headers) };
  const about = await aboutRun({
    name,
    mode: 'sockets',
    scenario,
    command: shellLine([process.execPath, program, ...again]),
  });
  const folder = keep ?? join('.fairway/load', `${about.startedAt} ${name}`.replaceAll(/[^\w.-]+/g, '-'));
  const sight = `${workloadName(options)} in ${options.processes} processes ask ${options.url} for ${model}`;
  screen.write(`${sight}; kept in ${folder}\n`);
  let run: Run;
  {
    await using kept = await RunFolder.create(folder, about);
    await using playing = new Run(options, { kept, watched, screen });
    await playing.play(model, signal);
    run = playing;
  }
  const figures = await run.figures(folder);
  screen.write(`${summaryOf(figures, run.measuredSeconds)}\nkept in ${folder}\n`);
  return { folder, figures };
}

class Run implements AsyncDisposable {
  readonly #options: LoadOptions;
  readonly #kept: RunFolder;
  readonly #watched: WatchedProcesses;
  readonly #progress: Progress;
  readonly #askers: AskerProcess[] = [];
  /** Of each process that asks. */
  readonly #inFlight: number[] = [];
  /** The most since it told before. */
  readonly #peaks: number[] = [];
  #inFlightMax = 0;
  readonly #codes = new Set<string>();
  #beganAt = 0n;
  #endedAt = 0;
  #strains: (Strain | undefined)[] = [];

  constructor(options: LoadOptions, parts: { kept: RunFolder; watched: WatchedProcesses; screen: Screen }) {
    this.#options = options;
    this.#kept = parts.kept;
    this.#watched = parts.watched;
    this.#progress = new Progress(parts.screen, { totalMs: this.#totalMs, warmUpMs: options.warmUpMinutes * minute });
  }

  async play(model: string, signal: AbortSignal): Promise<void> {
    const { url, token, headers, seed, speed, engineers, workload, processes: parts, answers } = this.#options;
    for (let part = 0; part < parts; part += 1)
      this.#askers.push(await AskerProcess.start((seen) => this.#take(seen, part)));
    await this.#watched.begin();
    this.#beganAt = process.hrtime.bigint();
    const times = { timeoutMs: 1000 * this.#options.timeoutSeconds, warmUpMs: this.#options.warmUpMinutes * minute };
    const openMax = Math.ceil(this.#options.openMax / parts);
    const choice = { workload, engineers, seed };
    const job = { url, token, headers, choice, speed, openMax, parts, ...times, beganAt: String(this.#beganAt) };
    for (const [part, asker] of this.#askers.entries()) asker.begin({ ...job, part, style: { model, answers } });
    const gone = new AbortController();
    const look = (): void => {
      if (this.#askers.every(({ isDone }) => isDone)) gone.abort();
    };
    for (const asker of this.#askers) void asker.ended.then(() => (asker.isDone ? look() : gone.abort()));
    await this.#untilOver(AbortSignal.any([signal, gone.signal]));
    if (signal.aborted) this.#progress.say('stopping; once more ends at once, without figures');
    this.#endedAt = this.#now();
    await this.#watched.look();
    this.#strains = await Promise.all(this.#askers.map((asker) => asker.stop()));
  }

  /** Of a run that is over, and kept there. */
  async figures(folder: string): Promise<Figures> {
    const observer = new Observer(this.#fromMs);
    observer.asked(this.#inFlightMax);
    const run = await readRun(folder);
    for await (const record of run.requests()) observer.add(record);
    const seen = observer.figures(this.#endedAt);
    const doubts = this.#doubts(seen);
    const figures = {
      ...seen,
      ...(this.#options.pids.length > 0 && { target: this.#watched.use() }),
      sender: useOf(this.#strains.filter((strain) => strain !== undefined)),
      ...(doubts.length > 0 && { doubts }),
    };
    await RunFolder.ended(folder, figures);
    return figures;
  }

  get measuredSeconds(): number {
    return (this.#endedAt - this.#fromMs) / 1000;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#askers.map((asker) => asker[Symbol.asyncDispose]()));
  }

  get #totalMs(): number {
    return this.#options.minutes * minute;
  }

  /** Of a run that was stopped in its warm-up, all counts. */
  get #fromMs(): number {
    const warmUpMs = this.#options.warmUpMinutes * minute;
    return this.#endedAt > warmUpMs ? warmUpMs : 0;
  }

  async #untilOver(signal: AbortSignal): Promise<void> {
    let watchedAt = 0;
    let isWarm = false;
    for (let now = 0; now < this.#totalMs && !signal.aborted; now = this.#now()) {
      if (!isWarm && now >= this.#options.warmUpMinutes * minute) {
        isWarm = true;
        await this.#watched.begin();
      }
      if (now - watchedAt >= watchMs) {
        watchedAt = now;
        await this.#watched.look();
      }
      this.#progress.tell(now, sumOf(this.#inFlight));
      await pause(systemClock, Math.min(lookMs, this.#totalMs - now), signal);
    }
  }

  #take({ records, inFlight, inFlightMax, firstWords }: Seen, part: number): void {
    this.#inFlight[part] = inFlight;
    this.#peaks[part] = inFlightMax;
    this.#inFlightMax = Math.max(this.#inFlightMax, sumOf(this.#peaks));
    for (const record of records) {
      this.#kept.request(record);
      this.#progress.add(record);
    }
    for (const [code, words] of firstWords) {
      if (this.#codes.has(code)) continue;
      this.#codes.add(code);
      this.#progress.say(`first ${code}: ${this.#shown(words)}`);
    }
  }

  /** What a server says of a key may hold it. */
  #shown(words: string): string {
    const { token = '' } = this.#options;
    return (token === '' ? words : words.replaceAll(token, '…')).replaceAll(/\s+/g, ' ').slice(0, wordsMax);
  }

  #now(): number {
    return Number(process.hrtime.bigint() - this.#beganAt) / 1e6;
  }

  #doubts({ lateMs, unsent = 0 }: Figures): string[] {
    const loops = Math.max(...this.#strains.map((strain) => strain?.lateMs ?? 0));
    const lost = this.#strains.filter((strain) => strain === undefined).length;
    const sent = lateMs?.p99 ?? 0;
    const [isEarly, isLost] = [this.#fromMs === 0 && this.#options.warmUpMinutes > 0, lost > 0];
    return [
      ...(isEarly ? ['it ended in its warm-up, which counts here'] : []),
      ...(isLost ? [`${lost} of the processes that ask ended by themselves`] : []),
      ...(loops > lateMsMax ? [`event loops were ${loops.toFixed(1)} ms late (p99; at most ${lateMsMax})`] : []),
      ...(sent > sentLateMsMax ? [`requests went out ${sent.toFixed(0)} ms late (p99; at most ${sentLateMsMax})`] : []),
      ...(unsent > 0 ? [`${unsent} requests could not be sent`] : []),
      ...[...this.#watched.gone].map((pid) => `process ${pid} of the target ended`),
    ];
  }
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, one) => sum + one, 0);
}
