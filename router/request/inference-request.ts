import type { IncomingMessage } from 'node:http';
import type { PoolDocument } from '#shared/contract/replica.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { answerKey } from '../access/answer-key.ts';
import type { Caller, Gate } from '../access/authenticate.ts';
import type { BodyRoom, ReplayCopy } from '../admit/body-room.ts';
import { HeldAnswer } from '../admit/held-answer.ts';
import type { SharedRoom } from '../admit/shared-room.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { engineNameOf } from '../edge/pool-directory.ts';
import type { KeptAnswer } from '../replicas/kept-answers.ts';
import type { Work } from '../pick/picker.ts';
import { prefixHashes } from '../scan/prefix-hash.ts';
import { noBody, type ScannedBody } from '../scan/scanned-body.ts';
import { ClientReply, type Outgoing, type ReplyTimes } from './client-reply.ts';
import { cacheSaltOf, namespaceOf } from './cache-namespace.ts';
import type { RouterMetrics } from './record/metrics.ts';
import type { OpenReplies } from './open-replies.ts';
import { flowOf } from './flow.ts';
import { patienceOf } from './patience.ts';
import { priorityOf } from './priority.ts';
import { applySplices, cutOut, markSplice, RequestBody } from './request-body.ts';
import { idHeaders, routeHeaders } from './record/request-ids.ts';
import { RequestRecord } from './record/request-record.ts';
import { sessionOf } from './session.ts';

/** What every request shares with the others. */
export interface RequestDeps {
  readonly times: ReplyTimes;
  /** Longest wait for a replica that a client may ask for. */
  readonly capacityTimeoutMaxMs: number;
  /** Memory of bodies, shared out between endpoints. */
  readonly memory: BodyRoom;
  /** Memory of whole answers, in bytes by endpoint. */
  readonly answers: SharedRoom;
  readonly replies: OpenReplies;
  readonly metrics: RouterMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: () => string;
  /** Of the keys by which answers are asked for, and of flows' names. */
  readonly hashKey: Gate['tokenHashKey'];
}

/** Longest body of a probe. */
export const probeBytesMax = 64 * 1024;

/** One request from socket to answer: what was asked, its answer, and what is told of it. */
export class InferenceRequest implements Disposable {
  readonly record: RequestRecord;
  readonly dialect: Dialect;
  readonly incoming: IncomingMessage;
  readonly reply: ClientReply;
  readonly body: RequestBody;
  readonly #deps: RequestDeps;
  #scan: ScannedBody | undefined;
  #target: string;
  #caller: Caller | undefined;
  #pool: PoolDocument | undefined;
  #work: Work | undefined;
  #pieces: readonly Uint8Array[] = [];
  #copy: ReplayCopy | undefined;
  #isGivenUp = false;
  #held: HeldAnswer | undefined;

  constructor(deps: RequestDeps, dialect: Dialect, sockets: { incoming: IncomingMessage; outgoing: Outgoing }) {
    const { incoming, outgoing } = sockets;
    const { clock, times, replies } = deps;
    this.record = new RequestRecord(deps.newId(), incoming.headers, deps);
    this.dialect = dialect;
    this.incoming = incoming;
    this.#target = dialect.path;
    this.#deps = deps;
    this.body = new RequestBody(deps.memory);
    this.reply = new ClientReply({
      outgoing,
      dialect,
      requestId: this.id,
      clock,
      times,
      headers: () => this.#headers(),
    });
    replies.add(this.reply);
  }

  get id(): string {
    return this.record.id;
  }

  /** The body is here, and it is known who asks which pool, and which answer it goes on from. */
  accept(
    scan: ScannedBody,
    { caller, pool, continues }: { caller: Caller; pool: PoolDocument; continues?: KeptAnswer | undefined },
  ): void {
    const { dialect, body, incoming } = this;
    this.#scan = scan;
    this.#pool = pool;
    const engineModel = engineNameOf(pool, scan.model);
    this.#caller = caller;
    const isProbe = caller.kind === 'proof';
    this.#pieces = isProbe
      ? [dialect.probeBody(Buffer.concat(body.pieces))]
      : applySplices(body.pieces, [
          ...markSplice(body.pieces),
          ...dialect.splices(scan, engineModel, cacheSaltOf(pool, caller)),
          ...(pool.routing?.stripBillingBlock === true ? scan.volatile.map(cutOut) : []),
        ]);
    const session = sessionOf(incoming.headers, { own: pool.routing?.sessionHeader, said: scan.session });
    const capacityTimeoutMs = patienceOf(incoming.headers, this.#deps.capacityTimeoutMaxMs);
    const priority = priorityOf(incoming.headers);
    const only = isProbe ? (caller.payload.replicaId ?? undefined) : undefined;
    this.#work = {
      pool: pool.pool,
      flow: this.#flowOf(caller, pool),
      bytes: body.bytes,
      prompt: prefixHashes(scan, {
        cacheNamespace: namespaceOf(pool, caller),
        model: engineModel,
        ...(continues !== undefined && continues.tip !== 0n && { after: continues.tip }),
      }),
      maxTokens: scan.maxTokens === Infinity ? 0 : (scan.maxTokens ?? 0),
      streamed: this.streamed,
      ...(session !== undefined && { session }),
      ...(pool.routing?.policy !== undefined && { policy: pool.routing.policy }),
      ...(capacityTimeoutMs !== undefined && { capacityTimeoutMs }),
      ...(priority !== undefined && { priority }),
      ...(continues !== undefined && { continues }),
      ...(only !== undefined && { only }),
      ...(pool.adapters?.includes(engineModel) === true && { adapter: engineModel }),
    };
    this.record.note({ pool: pool.pool, model: scan.model, stream: this.streamed, bodyBytes: body.bytes });
  }

  /** It has no body: it is about an answer that this replica keeps. */
  ask(keeper: string, { caller, pool, streamed }: { caller: Caller; pool: PoolDocument; streamed: boolean }): void {
    this.#scan = { ...noBody, stream: streamed };
    this.#pool = pool;
    this.#target = this.incoming.url ?? '';
    const prompt = prefixHashes(noBody, { cacheNamespace: '', model: '' });
    this.#work = {
      pool: pool.pool,
      flow: this.#flowOf(caller, pool),
      bytes: 0,
      prompt,
      maxTokens: 0,
      only: keeper,
    };
    this.record.note({ pool: pool.pool, stream: streamed });
  }

  /** What is asked of the engine: path, and query where there is one. */
  get target(): string {
    return this.#target;
  }

  /** By which key its answer can be asked for later; undefined if the engine keeps none. `head`: its first bytes. */
  keyOfAnswer(head: Buffer): string | undefined {
    const caller = this.#caller;
    const id = this.#scan?.kept === false ? undefined : this.dialect.answerId?.(head);
    if (id === undefined || caller?.kind !== 'token') return undefined;
    return answerKey(this.#deps.hashKey, caller, id);
  }

  get scan(): ScannedBody {
    return known(this.#scan);
  }

  get pool(): PoolDocument {
    return known(this.#pool);
  }

  /** What the brain needs of it. */
  get work(): Work {
    return known(this.#work);
  }

  get streamed(): boolean {
    return this.#scan?.stream === true;
  }

  /** An engine has got all of it: what is kept for another attempt is the first to go when memory is short. */
  sent(): void {
    if (this.#pieces.length === 0) return;
    this.#copy = { endpointId: this.pool.endpointId, giveUp: () => this.#giveUp() };
    this.#deps.memory.addCopy(this.#copy);
  }

  /** Another attempt could be made. */
  get repeatable(): boolean {
    return !this.#isGivenUp;
  }

  /** Another attempt is made: false when what it needs was given up; else it stays. */
  again(): boolean {
    this.answerTaken();
    if (this.#copy !== undefined) this.#deps.memory.removeCopy(this.#copy);
    return this.repeatable;
  }

  /** What goes to an engine; gone once the answer has begun. */
  get pieces(): readonly Uint8Array[] {
    return this.#pieces;
  }

  /** From here on the request belongs to one replica: no other attempt will need its body. */
  committed(): void {
    if (this.#copy !== undefined) this.#deps.memory.removeCopy(this.#copy);
    this.#pieces = [];
    this.body[Symbol.dispose]();
  }

  /** Takes room for bytes of an answer that no client sees yet; without it they have to go out, and there is no other attempt. */
  holdAnswer(bytes: number): boolean {
    this.#held ??= new HeldAnswer(this.#deps.answers, this.pool.endpointId);
    if (this.#held.grow(bytes)) return true;
    this.#deps.metrics.answersNotHeld.inc();
    this.record.note({ answer: 'not_held' });
    return false;
  }

  /** What was held of its answer is with the client, or was thrown away. */
  answerTaken(): void {
    this.#held?.giveBack();
  }

  [Symbol.dispose](): void {
    this.committed();
    this.answerTaken();
    this.reply[Symbol.dispose]();
    this.#deps.replies.delete(this.reply);
  }

  #flowOf(caller: Caller, { pool }: PoolDocument): string {
    return flowOf(caller, this.incoming.headers, { pool, key: this.#deps.hashKey });
  }

  #giveUp(): void {
    this.#isGivenUp = true;
    this.#deps.metrics.copiesGivenUp.inc();
    this.record.note({ copy: 'given_up' });
    this.committed();
  }

  #headers(): Record<string, string> {
    return {
      ...idHeaders(this.id, this.record.clientId),
      ...this.dialect.answerHeaders(this.record.sinceStartMs),
      ...(this.#pool?.routing?.reasonHeader === true && routeHeaders(this.record.facts)),
    };
  }
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the request has not been read yet');
  return value;
}
