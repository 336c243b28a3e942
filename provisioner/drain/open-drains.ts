import type { DrainQuestion, DrainVerdict } from './decide-drain.ts';

/** An endpoint is woken for its drains at most once in this time, milliseconds. */
const wakeEveryMs = 1000;

interface Open {
  questions: readonly DrainQuestion[];
  wokenAt: number;
}

/** The drains that were answered "not yet", by endpoint: what routers report wakes whom it concerns, nobody else. */
export class OpenDrains {
  readonly #open = new Map<string, Open>();

  /** Keeps what an endpoint waits for now, in place of what it waited for before. */
  keep(endpointId: string, questions: readonly DrainQuestion[]): void {
    if (questions.length === 0) this.#open.delete(endpointId);
    else this.#open.set(endpointId, { questions, wokenAt: this.#open.get(endpointId)?.wokenAt ?? -wakeEveryMs });
  }

  /** Endpoints of which a drain may go by now; each is named at most once per second. */
  freed(decide: (question: DrainQuestion) => DrainVerdict, monotonicMs: number): string[] {
    const freed: string[] = [];
    for (const [endpointId, open] of this.#open) {
      if (monotonicMs - open.wokenAt < wakeEveryMs || !open.questions.some((question) => decide(question).go)) continue;
      open.wokenAt = monotonicMs;
      freed.push(endpointId);
    }
    return freed;
  }
}
