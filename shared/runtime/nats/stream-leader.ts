import type { StreamInfo } from '@nats-io/jetstream';
import type { Clock } from '../clock.ts';
import type { Nats } from './nats.ts';
import { within } from '../within.ts';

/** A leader answers within a millisecond: after this time the question was lost with its connection. */
const answerMs = 500;

/** Pause before a silent leader is asked again, milliseconds. */
const againMs = 50;

/** Questions about some subjects of a stream, answered by its leader; undefined when it cannot say. */
export class StreamLeader {
  readonly #nats: Nats;
  readonly #clock: Clock;
  readonly #stream: string;
  readonly #subjects: readonly string[];

  constructor(from: { nats: Nats; clock: Clock; stream: string; subjects?: readonly string[] | undefined }) {
    this.#nats = from.nats;
    this.#clock = from.clock;
    this.#stream = from.stream;
    this.#subjects = from.subjects ?? ['>'];
  }

  /** The newest sequence that it has for these subjects. */
  async lastSeq(): Promise<number | undefined> {
    const last = await this.#ask((subject) =>
      this.#nats.jsm.streams.getMessage(this.#stream, { last_by_subj: subject }),
    );
    return last && Math.max(0, ...last.map((message) => message?.seq ?? 0));
  }

  /** The state of the stream, and the subjects of which there is a message. */
  async look(): Promise<{ info: StreamInfo; present: string[] } | undefined> {
    const infos = await this.#ask((filter) => this.#nats.jsm.streams.info(this.#stream, { subjects_filter: filter }));
    const present = infos?.flatMap((info) => Object.keys(info.state.subjects ?? {}));
    return infos?.[0] && present && { info: infos[0], present };
  }

  /** Asks until there is an answer. @throws the signal's reason when it aborts. */
  async insist<T>(question: () => Promise<T | undefined>, signal: AbortSignal): Promise<T> {
    for (;;) {
      const answer = await question();
      if (answer !== undefined) return answer;
      await this.#clock.sleep(againMs, signal);
    }
  }

  async #ask<T>(question: (subject: string) => Promise<T>): Promise<T[] | undefined> {
    try {
      return await within(Promise.all(this.#subjects.map(question)), answerMs, { clock: this.#clock });
    } catch {
      return undefined;
    }
  }
}

/**
 * True when the stream has all that it should have. A mirror that lags behind has not what its origin has; one that has
 * never heard of its origin says lag 0 and an activity of -1 (nats-server 2.15.1, measured).
 */
export function isLevel({ mirror }: { mirror?: { lag: number; active: number } | undefined }): boolean {
  return mirror === undefined || (mirror.lag === 0 && mirror.active !== -1);
}
