import { AppError } from '#shared/contract/errors.ts';
import type { EventReply } from '#shared/contract/resource.ts';
import { pause, type Clock } from '#shared/runtime/clock.ts';
import { Deadline } from '#shared/runtime/deadline.ts';
import { within } from '#shared/runtime/within.ts';

/** Bounds of all streams; times in milliseconds. */
export interface EventStreamLimits {
  /** Streams at once. */
  max: number;
  /** A stream ends then. */
  ageMs: number;
  /** Between two comments that keep a quiet stream open; whether its reader may still hear is looked at then, too. */
  beatMs: number;
  /** A reader that takes nothing for so long is cut. */
  stallMs: number;
  /** Hears how many are open. */
  onCount(open: number): void;
}

/** What one stream tells: events until it ends by itself or by the signal, and whether its reader may still hear them. */
export interface EventSource {
  events(signal: AbortSignal): AsyncIterable<EventReply>;
  isAllowed(): boolean;
}

/** Bytes that wait for a reader before the log is no longer read for it. */
const aheadBytes = 64 * 1024;

/**
 * Server-sent events as the HTML standard has them, §9.2: each event has its `id`, so that a reader that comes back with
 * `Last-Event-ID` misses none. Disposing ends all of them.
 */
export class EventStreams implements Disposable {
  readonly #limits: EventStreamLimits;
  readonly #clock: Clock;
  readonly #open = new Set<AbortController>();

  constructor(limits: EventStreamLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** @throws AppError `overloaded` when too many are open. */
  answer(source: EventSource): Response {
    const { max } = this.#limits;
    if (this.#open.size >= max)
      throw new AppError('overloaded', { message: `${max} streams of events are open already.`, retryAfterMs: 5000 });
    const over = new AbortController();
    this.#open.add(over);
    this.#limits.onCount(this.#open.size);
    let taken = Promise.withResolvers<void>();
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          const write = async (text: string): Promise<void> => {
            controller.enqueue(new TextEncoder().encode(text));
            if ((controller.desiredSize ?? 0) > 0) return;
            taken = Promise.withResolvers<void>();
            await within(taken.promise, this.#limits.stallMs, { clock: this.#clock, signal: over.signal });
          };
          void this.#run(source, { over, write })
            .then(
              () => controller.close(),
              (error: unknown) => controller.error(error),
            )
            .catch(() => {}); // The reader has left: there is nobody to be told.
        },
        pull: () => taken.resolve(),
        cancel: () => over.abort(new Error('the reader has left')),
      },
      { highWaterMark: aheadBytes, size: (chunk) => chunk.length },
    );
    const headers = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' };
    return new Response(body, { headers });
  }

  [Symbol.dispose](): void {
    for (const over of this.#open) over.abort();
  }

  /** Beats and events take turns, so that a slow reader holds both. */
  async #run(
    source: EventSource,
    { over, write }: { over: AbortController; write: (text: string) => Promise<void> },
  ): Promise<void> {
    let turn = write('retry: 1000\n\n');
    const inTurn = (text: string): Promise<void> => (turn = turn.then(() => write(text)));
    const end = (): void => over.abort();
    const beat = (): void => {
      if (!source.isAllowed()) return end();
      inTurn(': keep-alive\n\n').catch(end);
    };
    using _age = new Deadline(this.#clock, this.#limits.ageMs, end);
    const beats = this.#beats(beat, over.signal);
    try {
      for await (const event of source.events(over.signal))
        await inTurn(`id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    } finally {
      end();
      this.#open.delete(over);
      this.#limits.onCount(this.#open.size);
      await beats;
    }
  }

  async #beats(beat: () => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(this.#clock, this.#limits.beatMs, signal);
      if (!signal.aborted) beat();
    }
  }
}
