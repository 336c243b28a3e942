import type { Clock } from '#shared/runtime/clock.ts';
import type { Observer } from '#loadtest/record/figures.ts';
import type { RequestRecord } from '#loadtest/record/request-record.ts';
import type { Arrival, Asker, Turn } from '../turn.ts';
import type { Client } from './client.ts';
import { WrittenBody, type BodyStyle } from './written-body.ts';

/** What those who ask have in common. */
export interface AskingPlace {
  readonly client: Client;
  readonly clock: Clock;
  readonly style: BodyStyle;
  /** Of each request; `{client}` and `{session}` in a value stand for who asks and in which conversation. */
  readonly headers: Readonly<Record<string, string>>;
  readonly observer: Pick<Observer, 'asked' | 'add'>;
  /** Ends the asking. */
  readonly signal: AbortSignal;
}

/** Codes of which it is kept what was said at the first time. */
const codesMax = 50;
/** How long before it is due the body of an arrival is written, milliseconds. */
const aheadMs = 100;

/** Asks on sockets, and tells what became of each request. A request counts from when it was due, also if it went out later. */
export class Asking {
  readonly #place: AskingPlace;
  #inFlight = 0;
  /** What was said with the first error of each code. */
  readonly firstWords = new Map<string, string>();

  constructor(place: AskingPlace) {
    this.#place = place;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Asks, waits, asks again. @throws the signal's reason */
  async live(asker: Asker): Promise<never> {
    const { clock, style } = this.#place;
    let version = 0;
    let written = new WrittenBody(style);
    let dueAt = clock.monotonic() + asker.firstDelay();
    for (;;) {
      await this.#until(dueAt);
      const turn = asker.next();
      if (turn.version !== version) written = new WrittenBody(style);
      version = turn.version;
      const body = written.take(turn);
      written.heard(await this.#ask({ turn, body, client: asker.client, dueAt }));
      const now = clock.monotonic();
      dueAt = now + asker.answered(turn, now);
    }
  }

  /**
   * Sends what is due, whatever has become of what was before it; beyond `openMax` at once, it is not sent. Resolves when
   * all that came is over. @throws what the arrivals do, and the signal's reason
   */
  async receive(arrivals: AsyncIterable<Arrival>, openMax: number): Promise<void> {
    const open = new Set<Promise<void>>();
    const failed = new AbortController();
    const send = async ({ turn, client, atMs: dueAt }: Arrival): Promise<void> => {
      const body = new WrittenBody(this.#place.style).take(turn);
      await this.#until(dueAt);
      await this.#ask({ turn, body, client, dueAt });
    };
    try {
      for await (const arrival of arrivals) {
        await this.#until(arrival.atMs - aheadMs);
        failed.signal.throwIfAborted();
        if (open.size >= openMax) {
          this.#unsent(arrival);
          continue;
        }
        const sending = send(arrival)
          .catch((error: unknown) => failed.abort(error))
          .finally(() => open.delete(sending));
        open.add(sending);
      }
    } finally {
      await Promise.all(open);
    }
    failed.signal.throwIfAborted();
  }

  /** Asks until it is answered: a client that is sent away comes back when it is told to. Gives what was said. */
  async #ask({ turn, body, client, dueAt }: DueTurn): Promise<string> {
    const { clock, signal } = this.#place;
    const headers = this.#headersOf(client, turn.session);
    const sizes = sizesOf(client, turn);
    let lateMs = 0;
    try {
      for (let askedAt = dueAt; ;) {
        lateMs = Math.max(0, clock.monotonic() - askedAt);
        const heard = await this.#send(body, headers);
        if (heard.kind === 'done') {
          const { kind, text, ...seen } = heard;
          this.#seen({ outcome: kind, ...sizes, ...seen, askedAt: dueAt, lateMs });
          return text;
        }
        const { kind, code, words, againInMs } = heard;
        this.#note(code, words);
        const now = clock.monotonic();
        const { firstAt = now } = heard;
        this.#seen({ outcome: kind, code, ...sizes, askedAt, lateMs, firstAt, lastAt: now });
        if (againInMs === undefined) return '';
        askedAt = now + againInMs;
        await this.#until(askedAt);
      }
    } catch (error) {
      const now = clock.monotonic();
      if (signal.aborted)
        this.#seen({ outcome: 'unfinished', ...sizes, askedAt: dueAt, lateMs, firstAt: now, lastAt: now });
      throw error;
    }
  }

  #unsent({ turn, client, atMs }: Arrival): void {
    this.#seen({ outcome: 'unsent', ...sizesOf(client, turn), askedAt: atMs, firstAt: atMs, lastAt: atMs });
  }

  /** Whole milliseconds, up: Node's timers cut off what is beyond, and nothing may go out before it is due. */
  async #until(at: number): Promise<void> {
    const { clock, signal } = this.#place;
    const leftMs = at - clock.monotonic();
    if (leftMs > 0) await clock.sleep(Math.ceil(leftMs), signal);
    else signal.throwIfAborted();
  }

  async #send(body: Buffer, headers: Readonly<Record<string, string>>): ReturnType<Client['ask']> {
    this.#inFlight += 1;
    this.#place.observer.asked(this.#inFlight);
    try {
      return await this.#place.client.ask(body, headers);
    } finally {
      this.#inFlight -= 1;
    }
  }

  #headersOf(client: string, session: string): Record<string, string> {
    const filled = (value: string): string => value.replaceAll('{client}', client).replaceAll('{session}', session);
    return Object.fromEntries(Object.entries(this.#place.headers).map(([name, value]) => [name, filled(value)]));
  }

  #note(code: string, words: string): void {
    if (this.firstWords.size < codesMax && !this.firstWords.has(code)) this.firstWords.set(code, words);
  }

  #seen(record: RequestRecord): void {
    this.#place.observer.add(record);
  }
}

interface DueTurn {
  readonly turn: Turn;
  readonly body: Buffer;
  readonly client: string;
  readonly dueAt: number;
}

/** What is known of a request before its answer. */
function sizesOf(client: string, { promptTokens, freshTokens }: Turn) {
  return { client, promptTokens, freshTokens, outputTokens: 0 };
}
