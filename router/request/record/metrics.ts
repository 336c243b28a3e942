import { Counter, Gauge, type Registry } from 'prom-client';
import type { BrainFigures } from '../../pick/brain-figures.ts';
import type { BodyRoom } from '../../admit/body-room.ts';
import type { Intake } from '../../admit/intake.ts';
import type { ScanQueue } from '../../scan/scan-queue.ts';
import { PlainHistogram } from './plain-histogram.ts';

/** Up to the longest time a client waits, seconds. */
const secondsBuckets = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 120];
const tokenBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 120];

/** What the gauges read when they are asked. */
export interface RouterGauges {
  readonly brain: () => BrainFigures;
  readonly bodies: () => Readonly<Record<'bytes' | 'unread' | 'unreadBytes' | 'held' | 'unscanned', number>>;
  readonly answerBytes: () => number;
  readonly ledgerUp: () => boolean;
  readonly ledgerDropped: () => number;
  readonly edgeDoubts: () => number;
}

/** What the gauges of bodies read, from those who hold them. */
export function bodyFigures({
  memory: { total: bytes, waiting: unread, unreadBytes },
  intake: { waiting: held },
  scans: { waiting: unscanned },
}: {
  memory: Pick<BodyRoom, 'total' | 'waiting' | 'unreadBytes'>;
  intake: Pick<Intake, 'waiting'>;
  scans: Pick<ScanQueue, 'waiting'>;
}): ReturnType<RouterGauges['bodies']> {
  return { bytes, unread, unreadBytes, held, unscanned };
}

/** The router's own instruments; names are stable. */
export class RouterMetrics {
  readonly requests: Counter<'route' | 'status'>;
  readonly errors: Counter<'code'>;
  readonly picks: Counter<'reason'>;
  readonly losses: Counter<'reason'>;
  readonly cut: Counter<'reason'>;
  readonly copiesGivenUp: Counter;
  readonly answersNotHeld: Counter;
  readonly intakeWaits: Counter;
  readonly arrivalsHeld: Counter;
  readonly clientRetries: Counter<'route'>;
  readonly certificates: Counter<'result'>;
  readonly scrapes: Counter<'result'>;
  readonly kvEvents: Counter<'result'>;
  readonly usesDropped: Counter;
  readonly tokens: Counter<'kind'>;
  readonly hits: Counter<'kind'>;
  readonly firstToken: PlainHistogram;
  readonly interToken: PlainHistogram;
  readonly duration: PlainHistogram;
  readonly queue: PlainHistogram;
  readonly #registry: Registry;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#registry = registry;
    const counter = <L extends string>(name: string, help: string, labelNames: L[]): Counter<L> =>
      new Counter({ name: `fairway_router_${name}`, help, labelNames, registers });
    const histogram = (name: string, help: string, buckets: number[]): PlainHistogram =>
      new PlainHistogram({ name: `fairway_router_${name}`, help, buckets }, registry);
    this.requests = counter('requests_total', 'Requests by route and status; 499: the client left.', [
      'route',
      'status',
    ]);
    this.errors = counter('errors_total', 'Errors that clients were told, by code.', ['code']);
    this.picks = counter('picks_total', 'Attempts by the reason of their replica.', ['reason']);
    this.losses = counter('lost_attempts_total', 'Attempts that came to nothing before the client saw any of it.', [
      'reason',
    ]);
    this.clientRetries = counter('client_retries_total', 'Requests that SDKs say they have sent before, by route.', [
      'route',
    ]);
    this.cut = counter('cut_connections_total', 'Connections of clients that were cut, by reason.', ['reason']);
    this.certificates = counter(
      'certificate_reloads_total',
      'Certificates read anew; failed: looks at files that do not fit.',
      ['result'],
    );
    this.copiesGivenUp = counter(
      'replay_copies_given_up_total',
      'Bodies that were kept for another attempt, dropped for want of memory: their requests are tried once.',
      [],
    );
    this.answersNotHeld = counter(
      'answers_not_held_total',
      'Whole answers that went out as they came for want of memory: their requests are tried once.',
      [],
    );
    this.intakeWaits = counter(
      'intake_waits_total',
      'Reads of bodies and answers that were put off to a later turn of the event loop.',
      [],
    );
    this.arrivalsHeld = counter(
      'arrivals_held_total',
      'Times that connections without a request were not heard until a later turn of the event loop: too many had brought one.',
      [],
    );
    this.scrapes = counter('scrapes_total', 'Looks at replicas; heard: other routers’; denied: no key.', ['result']);
    this.kvEvents = counter('kv_event_messages_total', 'What became of engines’ KV events.', ['result']);
    this.usesDropped = counter(
      'token_uses_dropped_total',
      'Uses of tokens that are not told to the region: too many tokens in one day.',
      [],
    );
    this.tokens = counter('tokens_total', 'Tokens as engines report them.', ['kind']);
    this.hits = counter('cache_hit_tokens_total', 'Prompt tokens out of caches, predicted and reported.', ['kind']);
    this.firstToken = histogram('first_token_seconds', 'From arrival to the first content.', secondsBuckets);
    this.interToken = histogram('inter_token_seconds', 'Between two frames with content.', tokenBuckets);
    this.duration = histogram('request_seconds', 'From arrival to the end.', secondsBuckets);
    this.queue = histogram('queue_seconds', 'Waiting for a turn.', secondsBuckets);
  }

  /** One answer told how much of its prompt came out of the cache, tokens. */
  hitsKnown(predicted: number, reported: number): void {
    this.hits.inc({ kind: 'predicted' }, predicted);
    this.hits.inc({ kind: 'reported' }, reported);
  }

  /** Registers what is read when it is asked for. */
  watch(gauges: RouterGauges): void {
    const gauge = (name: string, help: string, read: () => number): void => {
      const made: Gauge = new Gauge({
        name: `fairway_router_${name}`,
        help,
        registers: [this.#registry],
        collect: () => made.set(read()),
      });
    };
    const { brain } = gauges;
    gauge('in_flight_requests', 'Requests that have a slot.', () => brain().inFlight);
    gauge('queued_requests', 'Requests that wait for a turn or a replica.', () => brain().waiting);
    gauge('held_requests', 'Queued ones that would put others back.', () => brain().heldForSlot);
    gauge('shed_requests', 'Refused since their turn would have come too late.', () => brain().shed);
    gauge('grants_given', 'Slots of cold prompts that were given to other routers.', () => brain().grants.given);
    gauge('grants_received', 'Slots of cold prompts that came from other routers.', () => brain().grants.received);
    gauge(
      'grants_lost',
      'Slots of cold prompts that were taken since no grant had come in time.',
      () => brain().grants.lost,
    );
    gauge('body_bytes', 'Request bodies held in memory.', () => gauges.bodies().bytes);
    gauge('answer_bytes', 'Whole answers held in memory.', gauges.answerBytes);
    gauge('waiting_bodies', 'Request bodies that wait unread for memory.', () => gauges.bodies().unread);
    gauge('waiting_body_bytes', 'What those have brought so far.', () => gauges.bodies().unreadBytes);
    gauge('intake_waiting', 'Bodies and answers whose next bytes wait to be read.', () => gauges.bodies().held);
    gauge('scan_waiting_bodies', 'Bodies whose next bytes wait to be scanned.', () => gauges.bodies().unscanned);
    gauge(
      'cluster_in_flight_requests',
      'On replicas, of all routers, as the ledger says.',
      () => brain().clusterInFlight,
    );
    gauge('prefix_blocks', 'Blocks in the mirrors of the replicas’ caches.', () => brain().prefixBlocks);
    gauge(
      'flows_forgotten',
      'Flows whose served work was forgotten for want of room, least work first.',
      () => brain().flowsForgotten,
    );
    this.#watchJoins(gauge, () => brain().prefixSync);
    gauge('kept_answers', 'Answers that are known to be kept by a replica.', () => brain().keptAnswers);
    gauge(
      'kept_answers_forgotten',
      'Those forgotten before their time, for want of room.',
      () => brain().keptAnswersForgotten,
    );
    gauge(
      'kept_answers_not_asked',
      'Unknown ids that were not looked up: too many at once.',
      () => brain().keptAnswersNotAsked,
    );
    gauge(
      'kept_answers_unwritten',
      'Those that Redis did not take when they were given; they are written again when it is there.',
      () => brain().keptAnswersUnwritten,
    );
    gauge('replicas_in_doubt', 'Ready ones that are left out, or the last choice.', () => brain().replicasInDoubt);
    gauge('ledger_up', '1 while this router hears itself on the ledger.', () => Number(gauges.ledgerUp()));
    gauge('ledger_dropped_messages', 'Ledger messages that were not sent.', gauges.ledgerDropped);
    gauge('edge_doubted_streams', 'Streams that cannot be read, or are not believed until adopted.', gauges.edgeDoubts);
  }

  /** What routers that join, or have missed something, ask of others. */
  #watchJoins(
    gauge: (name: string, help: string, read: () => number) => void,
    sync: () => BrainFigures['prefixSync'],
  ): void {
    gauge('prefix_gaps', 'News of other routers that did not fit to what is known here.', () => sync().gaps);
    gauge(
      'prefix_refused_questions',
      'Questions of other routers that were not answered at once: too many.',
      () => sync().refused,
    );
    gauge('prefix_unanswered_questions', 'Routers that did not answer after all tries.', () => sync().unanswered);
    gauge('prefix_given_up', 'Replicas whose blocks no other router gave in time.', () => sync().givenUp);
    gauge(
      'prefix_forgotten_replicas',
      'Replicas without a pool, told of by others, that were forgotten for want of room.',
      () => sync().forgotten,
    );
  }
}
