import { systemClock } from '#shared/runtime/clock.ts';
import { retry } from '#shared/runtime/retry.ts';
import { callApi, type TestReply, type TestRequest } from '../region-fixture.ts';

/** How long a mutation is repeated, milliseconds: a process takes seconds to start on a busy machine. */
const patience = { baseMs: 20, maxMs: 500, budgetMs: 120_000 };

/** A client that repeats a change, under the same Idempotency-Key at any process, until its answer is final. */
export class PatientClient {
  readonly #url: () => string | undefined;
  /** Requests that were sent, repetitions included. */
  requests = 0;

  constructor(url: () => string | undefined) {
    this.#url = url;
  }

  /** @throws for an answer that is neither success nor worth a repetition. */
  async change(key: string, request: TestRequest): Promise<TestReply> {
    const headers = { ...request.headers, 'idempotency-key': key };
    const reply = await retry({ clock: systemClock, ...patience }, async () => {
      const url = this.#url();
      if (url === undefined) throw new Error('no process listens');
      this.requests += 1;
      const answer = await callApi(url, { ...request, headers });
      if (answer.status >= 500) throw new Error(answer.text);
      return answer;
    });
    if (reply.status >= 300) throw new Error(`${request.method} ${request.path}: ${reply.status} ${reply.text}`);
    return reply;
  }
}
