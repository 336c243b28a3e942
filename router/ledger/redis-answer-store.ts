import { redisKeys } from '#shared/contract/subjects.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { startLoop } from '#shared/runtime/loop.ts';
import type { Loop } from '#shared/runtime/loop.ts';
import { connectRedis } from '#shared/runtime/redis.ts';
import type { RedisConnection } from '#shared/runtime/redis.ts';
import type { KeptAnswersLimits } from '../replicas/kept-answers.ts';
import { askMs, type AnswerNote, type AnswerStore } from './answer-store.ts';
import { decodeNote, encodeNote } from './ledger-codec.ts';

/** How soon notes are written anew once Redis is there again; so long it has to be there. */
const rewriteEveryMs = 1000;
/** So long notes may be missing when Redis is back: their owners find it there and begin to write within a second each. */
const settleMs = 3000;
/** Notes that are written at once. */
const sliceMax = 64;

/**
 * Notes in Redis, a key each that ends with its answer's time, and one sorted set of their names, so that the oldest go when
 * there are too many. Who gave an answer owns its note, and writes it anew whenever Redis has been away: it may have
 * forgotten all.
 */
export class RedisAnswerStore implements AnswerStore, AsyncDisposable {
  unwritten = 0;
  readonly #vpcId: string;
  readonly #router: string;
  readonly #limits: KeptAnswersLimits;
  readonly #own: () => Iterable<AnswerNote>;
  readonly #clock: Clock;
  readonly #connection: RedisConnection;
  readonly #rewriting: Loop;
  /** It has been tried whether Redis is there: who has just started does not yet know. */
  readonly #tried: Promise<void>;
  #wasAway = false;
  /** Until then what is not there may be about to be written again; monotonic milliseconds. */
  #doubtfulUntil = -Infinity;

  /** `limits` are of all routers together; `own`: what this one has noted and would note again. */
  constructor(parts: {
    url: string;
    vpcId: string;
    router: string;
    limits: KeptAnswersLimits;
    own: () => Iterable<AnswerNote>;
    clock: Clock;
    log: Logger;
  }) {
    const { url, clock, log } = parts;
    this.#vpcId = parts.vpcId;
    this.#router = parts.router;
    this.#limits = parts.limits;
    this.#own = parts.own;
    this.#clock = clock;
    this.#connection = connectRedis({ url, name: `answers:${parts.router}`, log, commandTimeoutMs: askMs });
    const { client } = this.#connection;
    client.on('close', () => (this.#doubtfulUntil = Infinity));
    client.on('ready', () => {
      this.#wasAway = true;
      this.#doubtfulUntil = Math.min(this.#doubtfulUntil, clock.monotonic() + settleMs);
    });
    this.#tried = new Promise((resolve) => client.once('ready', resolve).once('close', resolve));
    const loop = { name: 'answers.rewrite', everyMs: rewriteEveryMs, clock, log };
    this.#rewriting = startLoop(loop, (signal) => this.#rewrite(signal));
  }

  put(note: AnswerNote): void {
    this.#write([note]).catch(() => this.unwritten++);
  }

  async get(key: string): Promise<AnswerNote | undefined> {
    await this.#tried;
    const text = await this.#connection.client.get(this.#nameOf(key));
    if (text !== null) return decodeNote(key, text);
    if (this.#clock.monotonic() < this.#doubtfulUntil) throw new Error('Redis was away: notes may be missing');
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rewriting[Symbol.asyncDispose]();
    await this.#connection[Symbol.asyncDispose]();
  }

  /** In slices, one after the other: neither this process nor Redis stands still for many. */
  async #rewrite(signal: AbortSignal): Promise<void> {
    if (!this.#wasAway || !this.#connection.up()) return;
    this.#wasAway = false;
    let slice: AnswerNote[] = [];
    try {
      for (const note of this.#own()) {
        if (signal.aborted) return;
        if (slice.push(note) < sliceMax) continue;
        await this.#write(slice);
        slice = [];
      }
      await this.#write(slice);
    } catch {
      // Away again: the next turn begins anew.
      this.#wasAway = true;
    }
  }

  /** @throws what Redis says, or that it is away */
  async #write(notes: readonly AnswerNote[]): Promise<void> {
    const { ttlMs, answersMax } = this.#limits;
    const index = redisKeys.keptAnswers(this.#vpcId);
    const { client } = this.#connection;
    const batch = client.multi();
    const now = this.#clock.now();
    const fresh = notes.filter(({ givenAt }) => givenAt + ttlMs > now);
    if (fresh.length === 0) return;
    for (const note of fresh)
      batch
        .set(this.#nameOf(note.key), encodeNote(this.#router, note), 'PX', Math.ceil(note.givenAt + ttlMs - now))
        .zadd(index, note.givenAt, note.key);
    // In the same transaction: two routers that see too many would each drop what is too much for both.
    const replies = await batch
      .pexpire(index, ttlMs)
      .zrange(index, 0, String(-answersMax - 1))
      .zremrangebyrank(index, 0, -answersMax - 1)
      .exec();
    const oldest = replies?.at(-2)?.[1];
    if (!Array.isArray(oldest)) throw new Error('Redis has not taken the notes');
    if (oldest.length > 0) await client.unlink(oldest.map((key) => this.#nameOf(String(key))));
  }

  #nameOf(key: string): string {
    return redisKeys.keptAnswer(this.#vpcId, key);
  }
}
