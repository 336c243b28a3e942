import { DeliverPolicy, type Consumer, type JsMsg } from '@nats-io/jetstream';
import { AppError } from '#shared/contract/errors.ts';
import { eventDocumentSchema, type EventDocument } from '#shared/contract/status.ts';
import { streams, subjects } from '#shared/contract/subjects.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { parseJson } from '#shared/runtime/parse-json.ts';

/** A line of an endpoint's timeline and its place in the log. */
export interface PlacedEvent {
  seq: number;
  event: EventDocument;
}

/** How long the server keeps a consumer that nobody reads, milliseconds. */
const consumerIdleMs = 10_000;

/** Timelines of the region's endpoints, read from the log itself: nothing of them is kept in memory. */
export class EventLog {
  readonly #nats: Nats;

  constructor(nats: Nats) {
    this.#nats = nats;
  }

  /**
   * At most `limit` events behind sequence `after`, oldest first, and how many there are behind it in all.
   * @throws AppError `unavailable` when the log does not answer.
   */
  async page(
    endpointId: string,
    { after, limit }: { after: number; limit: number },
  ): Promise<{ events: PlacedEvent[]; total: number }> {
    return told(async () => {
      const consumer = await this.#behind(endpointId, after);
      const { num_pending: total } = await consumer.info(true);
      const events: PlacedEvent[] = [];
      if (total === 0) return { events, total };
      const messages = await consumer.fetch({ max_messages: Math.min(limit, total), expires: 1000 });
      for await (const message of messages) events.push(...placed(message));
      return { events, total };
    });
  }

  /** Every event behind sequence `after`, then each as it comes; ends with `signal`, or when the log is lost. */
  async *follow(endpointId: string, after: number, signal: AbortSignal): AsyncGenerator<PlacedEvent> {
    const messages = await told(async () =>
      (await this.#behind(endpointId, after)).consume({ max_messages: 100, expires: 5000, idle_heartbeat: 1000 }),
    );
    const stop = (): void => messages.stop();
    const forget = this.#nats.onReconnect(stop);
    signal.addEventListener('abort', stop, { once: true });
    try {
      if (signal.aborted) return;
      for await (const message of messages) yield* placed(message);
    } finally {
      forget();
      signal.removeEventListener('abort', stop);
      messages.stop();
    }
  }

  #behind(endpointId: string, after: number): Promise<Consumer> {
    return this.#nats.js.consumers.get(streams.events.name, {
      filter_subjects: subjects.event(endpointId),
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: after + 1,
      inactive_threshold: consumerIdleMs,
    });
  }
}

/** A line of a newer version is passed over: it is told, not obeyed. */
function placed(message: JsMsg): PlacedEvent[] {
  const event = eventDocumentSchema.safeParse(parseJson(message.string()));
  return event.success ? [{ seq: message.seq, event: event.data }] : [];
}

async function told<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    throw new AppError('unavailable', { message: 'The log of events does not answer right now.', cause });
  }
}
