import { AckPolicy, DeliverPolicy, type ConsumerMessages, type JsMsg } from '@nats-io/jetstream';
import { nanos } from '@nats-io/nats-core';
import { lastToken, streams, subjects } from '#shared/contract/subjects.ts';
import { pause, type Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { isDeletion } from '#shared/runtime/nats/is-deletion.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { fullJitter } from '#shared/runtime/retry.ts';
import type { SpecMessage } from './desired-map.ts';

/** What the consumer needs. `take` puts a message into the desired map and wakes its key. */
export interface SpecConsumerOptions {
  nats: Nats;
  clock: Clock;
  log: Logger;
  instanceId: string;
  take: (message: SpecMessage) => unknown;
}

/** A consumer that nobody has asked for this long is removed by the server: instances come and go. */
const inactiveThresholdMs = 600_000;
const ackWaitMs = 30_000;
/** A restarted server has forgotten what was asked of it: asked anew at each reconnect, and after two lost heartbeats. */
const silence = { expires: 10_000, idle_heartbeat: 2000 };

/**
 * Follows desired state through a durable consumer of this instance. It only wakes keys: a message is acknowledged once
 * it is in the desired map, and what is lost all the same is found by resync. Rebuilt for ever when it ends.
 */
export function startSpecConsumer(options: SpecConsumerOptions): AsyncDisposable {
  const stop = new AbortController();
  const current: { messages?: ConsumerMessages } = {};
  const running = supervise(options, stop.signal, current);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      current.messages?.stop();
      await running;
    },
  };
}

/** The name of an instance's consumer; NATS allows no dots, blanks or wildcards in it. */
export function consumerName(instanceId: string): string {
  return `provisioner-${instanceId.replaceAll(/[^A-Za-z0-9_-]/g, '-')}`;
}

async function supervise(
  options: SpecConsumerOptions,
  signal: AbortSignal,
  current: { messages?: ConsumerMessages },
): Promise<void> {
  const { clock, log } = options;
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      const taken = await follow(options, signal, current);
      if (taken > 0) failures = 0;
    } catch (error) {
      if (!signal.aborted) log.warn({ reason: String(error) }, 'consumer.interrupted');
    }
    const waitMs = 100 + fullJitter(failures, { baseMs: 100, maxMs: 5000 });
    await pause(clock, waitMs, signal);
  }
}

async function follow(
  { nats, instanceId, take }: SpecConsumerOptions,
  signal: AbortSignal,
  current: { messages?: ConsumerMessages },
): Promise<number> {
  const stream = streams.desired.name;
  const name = consumerName(instanceId);
  await nats.jsm.consumers.add(stream, {
    durable_name: name,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ackWaitMs),
    deliver_policy: DeliverPolicy.LastPerSubject,
    filter_subjects: [subjects.everySpec],
    inactive_threshold: nanos(inactiveThresholdMs),
    max_ack_pending: 1000,
  });
  const consumer = await nats.js.consumers.get(stream, name);
  const messages = await consumer.consume({ max_messages: 100, ...silence });
  current.messages = messages;
  void stopWhenMissing(messages);
  if (signal.aborted) messages.stop();
  const forget = nats.onReconnect(() => messages.stop());
  let taken = 0;
  try {
    for await (const message of messages) {
      take(specMessage(message));
      message.ack();
      taken += 1;
    }
  } finally {
    forget();
  }
  return taken;
}

/**
 * The client goes on asking for ever for a consumer that is not there any more (and does not obey its own option to
 * abort), so its notices are watched.
 */
async function stopWhenMissing(messages: ConsumerMessages): Promise<void> {
  for await (const { type } of messages.status())
    if (type === 'consumer_deleted' || type === 'consumer_not_found' || type === 'stream_not_found') messages.stop();
}

function specMessage(message: JsMsg): SpecMessage {
  const { subject, seq, headers } = message;
  return { endpointId: lastToken(subject), revision: seq, text: message.string(), deleted: isDeletion(headers) };
}
