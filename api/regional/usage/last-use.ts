import { isDeepStrictEqual } from 'node:util';
import { accessDocumentSchema } from '#shared/contract/desired.ts';
import { AppError } from '#shared/contract/errors.ts';
import { releaseTtlMs, subjects } from '#shared/contract/subjects.ts';
import { lastUseDocumentSchema, type LastUseDocument, type UseReport } from '#shared/contract/replica.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { DocumentWrite, StoredDocument, WriteOutcome } from '#shared/runtime/nats/nats-publish.ts';
import type { DesiredLog } from '../commit/desired-log.ts';

/** Rounds against other processes that take reports of the same endpoint. */
const roundsMax = 8;

/** Days by token. */
type Days = LastUseDocument['days'];

/** Stream `USED`; `last` throws when its leader is silent. */
interface UsedLog {
  write: (write: DocumentWrite) => Promise<WriteOutcome>;
  last: (subject: string) => Promise<StoredDocument | null>;
}

/**
 * On which day each token was used last: a document per endpoint, written when a router tells of a day that is news. It
 * is no part of the access document, of which every change wakes all routers.
 */
export class LastUse {
  readonly #log: UsedLog;
  readonly #desired: Pick<DesiredLog, 'last'>;
  readonly #clock: Clock;

  /** `desired`: what reports are checked against. */
  constructor({ log, desired, clock }: { log: UsedLog; desired: Pick<DesiredLog, 'last'>; clock: Clock }) {
    this.#log = log;
    this.#desired = desired;
    this.#clock = clock;
  }

  /** The last days of an endpoint's tokens; those that were never used are not there. @throws AppError `unavailable`. */
  async daysOf(endpointId: string): Promise<Days> {
    return (await this.#read(endpointId)).days;
  }

  /**
   * Takes a router's report over. What is no token of an endpoint in the router's VPC is passed over, and no day is later
   * than today. @throws when it could not be stored: the router tells it again.
   */
  async take(vpcId: string, { day, tokens }: UseReport): Promise<void> {
    const today = new Date(this.#clock.now()).toISOString().slice(0, 10);
    const used = { vpcId, day: day < today ? day : today };
    for (const [endpointId, tokenIds] of Object.entries(tokens)) await this.#note(endpointId, { ...used, tokenIds });
  }

  /** The endpoint is gone: so are the days. @throws when that could not be stored. */
  async forget(endpointId: string): Promise<void> {
    const { days, seq } = await this.#read(endpointId);
    if (Object.keys(days).length === 0) return;
    const outcome = await this.#write(endpointId, { days: {}, seq, ttlMs: releaseTtlMs });
    if (outcome.kind !== 'stored') throw new Error(`the last use of ${endpointId} was not removed: ${outcome.reason}`);
  }

  async #note(endpointId: string, used: { vpcId: string; day: string; tokenIds: string[] }): Promise<void> {
    const { vpcId, day, tokenIds } = used;
    for (let round = 0; round < roundsMax; round += 1) {
      const [last, { days: before, seq }] = await Promise.all([
        this.#desired.last(subjects.access(vpcId, endpointId)),
        this.#read(endpointId),
      ]);
      const access = accessDocumentSchema.safeParse(last?.body);
      if (!access.success) return;
      const news = new Set(tokenIds.filter((tokenId) => (before[tokenId] ?? '') < day));
      const days = access.data.tokens.flatMap(({ tokenId }): [string, string][] => {
        const known = news.has(tokenId) ? day : before[tokenId];
        return known === undefined ? [] : [[tokenId, known]];
      });
      if (isDeepStrictEqual(Object.fromEntries(days), before)) return;
      const outcome = await this.#write(endpointId, { days: Object.fromEntries(days), seq });
      if (outcome.kind === 'stored') return;
      if (outcome.kind !== 'conflict')
        throw new Error(`the last use of ${endpointId} was not stored: ${outcome.reason}`);
    }
    throw new Error(`the last use of ${endpointId} is written by others all the time`);
  }

  #write(endpointId: string, to: { days: Days; seq: number; ttlMs?: number }): Promise<WriteOutcome> {
    const { days, seq, ttlMs } = to;
    const body: LastUseDocument = { v: 1, endpointId, days };
    const write = { subject: subjects.used(endpointId), body, expectedSeq: seq };
    return this.#log.write({ ...write, ...(ttlMs !== undefined && { ttlMs }) });
  }

  /** A document that a newer process has written is not understood: it is as if there were none, and replaced. */
  async #read(endpointId: string): Promise<{ days: Days; seq: number }> {
    const last = await this.#log.last(subjects.used(endpointId)).catch((cause: unknown) => {
      throw new AppError('unavailable', { message: 'When tokens were used last cannot be read right now.', cause });
    });
    return { days: lastUseDocumentSchema.safeParse(last?.body).data?.days ?? {}, seq: last?.seq ?? 0 };
  }
}
