/** A process that asks for a part of a run's engineers (`asker-process.ts` forks it). */
import { once } from 'node:events';
import { systemClock, type Clock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { startLoop } from '#shared/runtime/loop.ts';
import type { RequestRecord } from '#loadtest/record/request-record.ts';
import type { Arrival, Asker } from '../turn.ts';
import { openWorkload } from '../workload.ts';
import type { AskerJob, FromAsker, ToAsker } from './asker-messages.ts';
import { Asking } from './asking.ts';
import { Client } from './client.ts';
import { StrainGauge } from './strain.ts';

const tellEveryMs = 250;
/** How many records go in one message at most. */
const recordsMax = 1000;

/** Collects what is told to the parent. */
class News {
  #records: RequestRecord[] = [];
  #inFlightMax = 0;
  #wordsTold = 0;

  asked(inFlight: number): void {
    this.#inFlightMax = Math.max(this.#inFlightMax, inFlight);
  }

  add(record: RequestRecord): void {
    this.#records.push(record);
  }

  tell({ inFlight, firstWords }: Asking): void {
    const words = [...firstWords].slice(this.#wordsTold);
    this.#wordsTold += words.length;
    do {
      const records = this.#records.splice(0, recordsMax);
      say({ kind: 'seen', records, inFlight, inFlightMax: this.#inFlightMax, firstWords: words.splice(0) });
    } while (this.#records.length > 0);
    this.#inFlightMax = inFlight;
  }
}

async function ask(job: AskerJob, signal: AbortSignal): Promise<void> {
  const { url, token, timeoutMs, style, headers, warmUpMs, speed } = job;
  const clock = clockSince(BigInt(job.beganAt));
  await using client = new Client({ url, ...(token !== undefined && { token }), clock, timeoutMs, signal });
  const news = new News();
  const asking = new Asking({ client, clock, style: { ...style, shared: new Map() }, headers, observer: news, signal });
  using gauge = new StrainGauge();
  using warm = new DisposableStack();
  warm.defer(clock.after(warmUpMs, () => gauge.begin()));
  const telling = { name: 'tell', everyMs: tellEveryMs, clock, log: silentLogger() };
  {
    await using _telling = startLoop(telling, () => news.tell(asking));
    const { askers, arrivals } = openWorkload(job.choice);
    const lives = askers.filter((_, index) => isOwn(job, index)).map((asker) => asking.live(faster(asker, speed)));
    const all = [asking.receive(own(job, arrivals), job.openMax), ...lives];
    await Promise.all(all).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    await Promise.allSettled(all);
  }
  news.tell(asking);
  // What is not written when the channel is closed is lost; messages are written in their order.
  await new Promise<void>((resolve) => say({ kind: 'ended', strain: gauge.read() }, resolve));
}

function isOwn({ part, parts }: AskerJob, index: number): boolean {
  return index % parts === part;
}

async function* own(job: AskerJob, arrivals: AsyncIterable<Arrival>): AsyncGenerator<Arrival> {
  let index = 0;
  for await (const arrival of arrivals) {
    if (isOwn(job, index)) yield { ...arrival, atMs: arrival.atMs / job.speed };
    index += 1;
  }
}

/** Milliseconds since then. */
function clockSince(beganAt: bigint): Clock {
  const monotonic = (): number => Number(process.hrtime.bigint() - beganAt) / 1e6;
  return { ...systemClock, now: monotonic, monotonic };
}

function faster(asker: Asker, speed: number): Asker {
  return {
    client: asker.client,
    firstDelay: () => asker.firstDelay() / speed,
    next: () => asker.next(),
    answered: (turn, nowMs) => asker.answered(turn, nowMs * speed) / speed,
  };
}

function say(message: FromAsker, written: () => void = () => {}): void {
  if (process.connected) process.send?.(message, undefined, undefined, written);
  else written();
}

// Ctrl-C goes to every process of a terminal; the parent says when this one is to stop.
process.on('SIGINT', () => {});
const over = new AbortController();
process.on('disconnect', () => over.abort('the parent is gone'));
process.on('message', (message: ToAsker) => {
  if (message.kind === 'stop') over.abort('the run is over');
});
say({ kind: 'ready' });
const [first] = (await once(process, 'message', { signal: over.signal })) as [ToAsker];
if (first.kind === 'begin') await ask(first.job, over.signal);
if (process.connected) process.disconnect();
