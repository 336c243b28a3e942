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
import type { Usage } from '../replicas/usage.ts';
import type { Work } from '../pick/picker.ts';
import { prefixHashes } from '../scan/prefix-hash.ts';
import { noBody, type ScannedBody } from '../scan/scanned-body.ts';
import { ClientReply, type Outgoing, type ReplyTimes } from './client-reply.ts';
import { cacheSaltOf, namespaceOf } from './cache-namespace.ts';
import type { RouterMetrics } from './metrics.ts';
import type { OpenReplies } from './open-replies.ts';
import { flowOf } from './flow.ts';
import { patienceOf } from './patience.ts';
import { applySplices, cutOut, markSplice, RequestBody } from './request-body.ts';
import { clientIdOf, idHeaders, routeHeaders } from './request-ids.ts';
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
  /** Of the keys by which answers are asked for. */
  readonly hashKey: Gate['tokenHashKey'];
}

/** Longest body of a probe. */
export const probeBytesMax = 64 * 1024;

/** One request from socket to answer: what was asked, its answer, and its ids, times and counts in headers, metrics and log. */
export class InferenceRequest implements Disposable {
  readonly id: string;
  readonly dialect: Dialect;
  readonly incoming: IncomingMessage;
  readonly reply: ClientReply;
  readonly body: RequestBody;
  readonly #deps: RequestDeps;
  readonly #clientId: string | undefined;
  readonly #startedAt: number;
  readonly #facts: Record<string, unknown> = {};
  #scan: ScannedBody | undefined;
  #target: string;
  #caller: Caller | undefined;
  #pool: PoolDocument | undefined;
  #work: Work | undefined;
  #pieces: readonly Uint8Array[] = [];
  #copy: ReplayCopy | undefined;
  #isGivenUp = false;
  #held: HeldAnswer | undefined;
  #firstTokenAt: number | undefined;
  #lastTokenAt = 0;
  #tokens = 0;

  constructor(deps: RequestDeps, dialect: Dialect, sockets: { incoming: IncomingMessage; outgoing: Outgoing }) {
    const { incoming, outgoing } = sockets;
    const { clock, times, replies } = deps;
    this.id = deps.newId();
    this.dialect = dialect;
    this.incoming = incoming;
    this.#target = dialect.path;
    this.#deps = deps;
    this.#clientId = clientIdOf(incoming.headers);
    this.#startedAt = clock.monotonic();
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
    const only = isProbe ? (caller.payload.replicaId ?? undefined) : undefined;
    this.#work = {
      pool: pool.pool,
      flow: flowOf(caller, this.incoming.headers, pool),
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
      ...(continues !== undefined && { continues }),
      ...(only !== undefined && { only }),
      ...(pool.adapters?.includes(engineModel) === true && { adapter: engineModel }),
    };
    this.note({ pool: pool.pool, model: scan.model, stream: this.streamed, bodyBytes: body.bytes });
  }

  /** It has no body: it is about an answer that this replica keeps. */
  ask(keeper: string, { caller, pool, streamed }: { caller: Caller; pool: PoolDocument; streamed: boolean }): void {
    this.#scan = { ...noBody, stream: streamed };
    this.#pool = pool;
    this.#target = this.incoming.url ?? '';
    const prompt = prefixHashes(noBody, { cacheNamespace: '', model: '' });
    this.#work = {
      pool: pool.pool,
      flow: flowOf(caller, this.incoming.headers, pool),
      bytes: 0,
      prompt,
      maxTokens: 0,
      only: keeper,
    };
    this.note({ pool: pool.pool, stream: streamed });
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
    this.note({ answer: 'not_held' });
    return false;
  }

  /** What was held of its answer is with the client, or was thrown away. */
  answerTaken(): void {
    this.#held?.giveBack();
  }

  /** Adds facts to the request's line in the log; ids and numbers only, never a body or a secret. */
  note(facts: Readonly<Record<string, unknown>>): void {
    Object.assign(this.#facts, facts);
  }

  /** An event with content went to the client. */
  token(): void {
    const { clock, metrics } = this.#deps;
    const now = clock.monotonic();
    this.#tokens += 1;
    if (this.#firstTokenAt === undefined) metrics.firstToken.observe((now - this.#startedAt) / 1000);
    else metrics.interToken.observe((now - this.#lastTokenAt) / 1000);
    this.#firstTokenAt ??= now;
    this.#lastTokenAt = now;
  }

  /** Tokens as the engine counted them; a probe's are not metered. */
  used(usage: Usage | undefined): void {
    if (usage === undefined || this.work.only !== undefined) return;
    const { metrics } = this.#deps;
    const { promptTokens, completionTokens, cachedTokens } = usage;
    metrics.tokens.inc({ kind: 'prompt' }, promptTokens);
    metrics.tokens.inc({ kind: 'output' }, completionTokens);
    this.note({ promptTokens, outputTokens: completionTokens, cachedTokens });
  }

  /** Ends it with the status that the client saw, or 499; `code` names an error. */
  close(status: number, code: string | undefined): void {
    const { metrics, log } = this.#deps;
    const route = this.dialect.name;
    // A word of the SDKs, OpenAI's and Anthropic's alike.
    const clientRetry = Number(this.incoming.headers['x-stainless-retry-count'] ?? 0);
    if (clientRetry > 0) metrics.clientRetries.inc({ route });
    metrics.requests.inc({ route, status: String(status) });
    if (code !== undefined) metrics.errors.inc({ code });
    const durationMs = this.#sinceStartMs();
    metrics.duration.observe(durationMs / 1000);
    const ttftMs = this.#firstTokenAt === undefined ? undefined : Math.round(this.#firstTokenAt - this.#startedAt);
    const ids = { requestId: this.id, clientRequestId: this.#clientId };
    log.info({ ...ids, route, status, code, ...this.#facts, ttftMs, durationMs, frames: this.#tokens }, 'request.done');
  }

  [Symbol.dispose](): void {
    this.committed();
    this.answerTaken();
    this.reply[Symbol.dispose]();
    this.#deps.replies.delete(this.reply);
  }

  #giveUp(): void {
    this.#isGivenUp = true;
    this.#deps.metrics.copiesGivenUp.inc();
    this.note({ copy: 'given_up' });
    this.committed();
  }

  #headers(): Record<string, string> {
    return {
      ...idHeaders(this.id, this.#clientId),
      ...this.dialect.answerHeaders(this.#sinceStartMs()),
      ...(this.#pool?.routing?.reasonHeader === true && routeHeaders(this.#facts)),
    };
  }

  #sinceStartMs(): number {
    return Math.round(this.#deps.clock.monotonic() - this.#startedAt);
  }
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the request has not been read yet');
  return value;
}
