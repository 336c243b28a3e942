import { DeliverPolicy, type JsMsg } from '@nats-io/jetstream';
import type { Nats } from './nats.ts';

/** Messages of one request, and how long the server may take over it, milliseconds. */
const page = { max_messages: 500, expires: 5000 };

/**
 * All messages that a stream has under a subject, which may be a wildcard, oldest first.
 * @throws when NATS does not answer, or not all of it.
 */
export async function* readLog(nats: Nats, stream: string, subject: string): AsyncGenerator<JsMsg> {
  const consumer = await nats.js.consumers.get(stream, {
    filter_subjects: subject,
    deliver_policy: DeliverPolicy.All,
    inactive_threshold: 2 * page.expires,
  });
  let { num_pending: left } = await consumer.info(true);
  while (left > 0) {
    let came = 0;
    for await (const message of await consumer.fetch({ ...page, max_messages: Math.min(page.max_messages, left) })) {
      came += 1;
      left = message.info.pending;
      yield message;
    }
    // What expires meanwhile does not come.
    if (came === 0) left = (await consumer.info()).num_pending;
    if (came === 0 && left > 0) throw new Error(`${stream} did not give the rest of ${subject}`);
  }
}
