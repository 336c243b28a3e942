import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import type { Figures } from './figures.ts';
import type { RequestRecord } from './request-record.ts';

/** What a fleet was doing at one time of a run: a line of `samples.jsonl`. */
export interface Sample {
  /** Milliseconds since the run began. */
  readonly at: number;
  /** Requests that each replica has, its queue included; the order is the same all the time. */
  readonly inFlight: readonly number[];
  /** Requests that wait in routers; left out where nobody knows. */
  readonly queued?: number;
}

/** What was run: `run.json`. */
export interface RunAbout {
  readonly v: 1;
  /** Names the run in a report: the scenario, and what is special about it. */
  readonly name: string;
  /** In virtual time all is simulated but the router's brain; on sockets it is what `replicas` says. */
  readonly mode: 'virtual' | 'sockets';
  readonly commit: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** What makes the run anew, from the root of a checkout; of a shell, without secrets. */
  readonly command?: string;
  /** Everything that decides the run, with defaults filled in. */
  readonly scenario: Readonly<Record<string, unknown>> & {
    readonly seed: number;
    readonly minutes: number;
    readonly warmUpMinutes: number;
    /** Left out, as the two after it, where what was asked is only a URL. */
    readonly replicas?: number;
    readonly routers?: number;
    readonly policy?: string;
  };
}

/** Hears of a run while it goes on. */
export interface RunWatcher {
  request(record: RequestRecord): void;
  sample(sample: Sample): void;
}

/** A run as it is kept: `run.json`, `requests.jsonl`, `samples.jsonl`, and at the end `figures.json`. */
export class RunFolder implements RunWatcher, AsyncDisposable {
  readonly #folder: string;
  readonly #requests: WriteStream;
  readonly #samples: WriteStream;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#requests = createWriteStream(join(folder, 'requests.jsonl'));
    this.#samples = createWriteStream(join(folder, 'samples.jsonl'));
  }

  /** Makes the folder, and takes the place of a run that was kept there. */
  static async create(folder: string, about: RunAbout): Promise<RunFolder> {
    await mkdir(folder, { recursive: true });
    await rm(join(folder, 'figures.json'), { force: true });
    await writeFile(join(folder, 'run.json'), `${JSON.stringify(about, undefined, 2)}\n`);
    return new RunFolder(folder);
  }

  request(record: RequestRecord): void {
    this.#requests.write(`${JSON.stringify(record)}\n`);
  }

  sample(sample: Sample): void {
    this.#samples.write(`${JSON.stringify(sample)}\n`);
  }

  /** What it came to. */
  ended(figures: Figures): Promise<void> {
    return RunFolder.ended(this.#folder, figures);
  }

  /** The same of a run whose requests are all kept there. */
  static async ended(folder: string, figures: Figures): Promise<void> {
    await writeFile(join(folder, 'figures.json'), `${JSON.stringify(figures, undefined, 2)}\n`);
  }

  /** All is written when this resolves. @throws what a disk says */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const stream of [this.#requests, this.#samples]) stream.end();
    await Promise.all([finished(this.#requests), finished(this.#samples)]);
  }
}

/** A kept run, its lines read as they are asked for. A run that was broken off has no figures. */
export interface KeptRun {
  readonly folder: string;
  readonly about: RunAbout;
  readonly figures: Figures | undefined;
  requests(): AsyncIterable<RequestRecord>;
  samples(): AsyncIterable<Sample>;
}

/** @throws if there is no run in the folder; its lines, if one but a half-written last one is no JSON */
export async function readRun(folder: string): Promise<KeptRun> {
  const text = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
  const figures = await text('figures.json').catch(() => undefined);
  return {
    folder,
    about: JSON.parse(await text('run.json')) as RunAbout,
    figures: figures === undefined ? undefined : (JSON.parse(figures, nullAsNaN) as Figures),
    requests: () => linesOf<RequestRecord>(join(folder, 'requests.jsonl')),
    samples: () => linesOf<Sample>(join(folder, 'samples.jsonl')),
  };
}

/** JSON has no NaN, which stands for what nobody knows. */
function nullAsNaN(_key: string, value: unknown): unknown {
  return value === null ? Number.NaN : value;
}

/** The last line of a run that was broken off may be half a line: that one alone is passed over. */
async function* linesOf<Line>(file: string): AsyncGenerator<Line> {
  let unread: Error | undefined;
  let number = 0;
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    if (unread !== undefined) throw unread;
    number += 1;
    let line: Line | undefined;
    try {
      line = JSON.parse(text) as Line;
    } catch (error) {
      unread = new Error(`${file}, line ${number}: no JSON`, { cause: error });
    }
    if (line !== undefined) yield line;
  }
}
