import type { AdminAnswer } from '#shared/runtime/http/http-server.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Slot } from '../pick/picker.ts';
import type { Usage } from '../replicas/usage.ts';

/** One attempt of a request: where it went, beside which others, and what became of it. */
interface RoutedAttempt extends Pick<Slot, 'reason' | 'predictedCachedTokens' | 'scores'> {
  readonly replica: string;
  /** How long its request had waited by then, for a turn and for a replica. */
  readonly waitedMs: number;
  end?: string;
  /** Why its replica was lost. */
  lostBy?: string;
}

/** How one request was routed: ids, reasons and numbers only, never what was asked or by whom. */
export interface RoutedRequest extends Partial<Usage> {
  readonly requestId: string;
  readonly endpointId: string;
  readonly pool: string;
  /** When it came, milliseconds since the epoch. */
  readonly at: number;
  readonly attempts: RoutedAttempt[];
  /** Why it got no replica, or no answer. */
  code?: string;
}

/** How an attempt ended, as `AttemptOutcome` says it. */
interface AttemptEnd {
  readonly kind: string;
  readonly reason?: string;
  readonly usage?: Usage | undefined;
}

/** Candidates that are remembered, per request in the mean: what a request among more of them costs goes at others' expense. */
const scoresPerRequest = 32;

const routePath = '/debug/route/';

/** How the last requests were routed, for operators who look into one. A request is there from its first wait on. */
export class RouteLog {
  readonly router: string;
  readonly #requestsMax: number;
  readonly #clock: Clock;
  /** The oldest first. */
  readonly #requests = new Map<string, RoutedRequest>();
  #scores = 0;

  /** Remembers so many requests: about 4 KB each; 0 for none. */
  constructor(router: string, requestsMax: number, clock: Clock) {
    this.router = router;
    this.#requestsMax = requestsMax;
    this.#clock = clock;
  }

  /** What operators are told under `/debug/route/<request id>`; undefined for another path. */
  answer(path: string): AdminAnswer | undefined {
    if (!path.startsWith(routePath)) return undefined;
    const { router } = this;
    const found = this.#requests.get(path.slice(routePath.length));
    if (found !== undefined) return { status: 200, body: { router, ...found, at: new Date(found.at).toISOString() } };
    const remembers =
      this.#requestsMax === 0
        ? 'remembers no requests: FAIRWAY_ROUTES_KEPT is 0'
        : `has none of this id among the last ${this.#requestsMax} that came to it`;
    const hint = 'Where the endpoint has routing.reasonHeader, x-fairway-router of the answer names the router to ask.';
    return { status: 404, body: { router, message: `Router ${router} ${remembers}. ${hint}` } };
  }

  begin({ id, pool }: { id: string; pool: { endpointId: string; pool: string } }): RoutedRequest {
    const at = this.#clock.now();
    const request = { requestId: id, endpointId: pool.endpointId, pool: pool.pool, at, attempts: [] };
    this.#requests.set(id, request);
    this.#shrink();
    return request;
  }

  /** It goes to a replica; nothing is kept of one that is forgotten already. */
  placed(request: RoutedRequest, slot: Slot, waitedMs: number): void {
    if (!this.#requests.has(request.requestId)) return;
    const { replica, reason, predictedCachedTokens, scores } = slot;
    const place = { replica: replica.replicaId, reason, waitedMs: Math.round(waitedMs), predictedCachedTokens, scores };
    request.attempts.push(place);
    this.#scores += scores.length;
    this.#shrink();
  }

  /** Its last attempt is over. */
  ended(request: RoutedRequest, outcome: AttemptEnd): void {
    const attempt = request.attempts.at(-1);
    if (attempt === undefined) return;
    attempt.end = outcome.kind;
    if (outcome.reason !== undefined) attempt.lostBy = outcome.reason;
    Object.assign(request, outcome.usage);
  }

  #shrink(): void {
    for (const [id, { attempts }] of this.#requests) {
      if (this.#requests.size <= this.#requestsMax && this.#scores <= scoresPerRequest * this.#requestsMax) return;
      this.#requests.delete(id);
      this.#scores -= attempts.reduce((sum, { scores }) => sum + scores.length, 0);
    }
  }
}
