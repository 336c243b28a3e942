import { VirtualTime } from '#loadtest/virtual/virtual-time.ts';
import type { Arrival, Asker, Workload } from '../turn.ts';

/**
 * How long answers take where nobody answers, milliseconds: 11.4 s for the mean of 520 tokens. TraceLab (arXiv 2606.30560) has
 * 11.5 s for its mean of 523.
 */
const assumedMs = { first: 1000, perToken: 20 } as const;
/** Requests of so long are made at a time, milliseconds. */
const sliceMs = 10_000;

/**
 * What a workload asks until then, in the order of time, if each answer took as long as is assumed: closed loops become a list.
 * @throws what the workload's arrivals do
 */
export async function* playedOut({ askers, arrivals }: Workload, untilMs: number): AsyncGenerator<Arrival> {
  const time = new VirtualTime();
  const asked: Arrival[] = [];
  const ask = (asker: Asker): void => {
    const turn = asker.next();
    // Its parts grow with the conversation.
    asked.push({ atMs: time.now(), client: asker.client, turn: { ...turn, parts: [...turn.parts] } });
    time.quietlyAt(time.now() + assumedMs.first + assumedMs.perToken * turn.answer.tokens, () => {
      time.quietlyAt(time.now() + asker.answered(turn, time.now()), () => ask(asker));
    });
  };
  const askedUntil = async function* (until: number): AsyncGenerator<Arrival> {
    while (time.now() < until) {
      await time.run(Math.min(until, time.now() + sliceMs));
      yield* asked.splice(0);
    }
  };
  for (const asker of askers) time.quietlyAt(asker.firstDelay(), () => ask(asker));
  for await (const arrival of arrivals) {
    if (arrival.atMs > untilMs) break;
    yield* askedUntil(arrival.atMs);
    yield arrival;
  }
  yield* askedUntil(untilMs);
}
