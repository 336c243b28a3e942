import type { ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import type { KubeWrites } from '../../kube/kube-client.ts';
import type { ProvisionerContext } from '../../service.ts';

/** Something that a provisioner does for one endpoint and that others can see: a write to the cluster, to NATS, an ack. */
export interface ExternalCall {
  endpointId: string;
  /** `apply Namespace`, `write status`, `publish event`, `ack`; status subresources are `status of Namespace`. */
  what: string;
}

/** Hears of each call right before it is made and when it has ended, well or not; a throw is what the caller gets. */
export interface CallWatch {
  before(call: ExternalCall): void;
  after(call: ExternalCall): void;
  failed?(call: ExternalCall, error: unknown): void;
}

/** Stands between a provisioner and everything that it writes to for endpoints. */
export function watchCalls(watch: CallWatch): Required<Pick<ProvisionerContext, 'wrapKube' | 'wrapNats'>> {
  return { wrapKube: (kube) => watchKube(kube, watch), wrapNats: (nats) => watchNats(nats, watch) };
}

/** Ids of endpoints are UUIDv8; nothing else in a name or subject that comes before them is. */
const endpointIdPattern = /[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/;

function idIn(text: string): string | undefined {
  return endpointIdPattern.exec(text)?.[0];
}

async function around<T>(watch: CallWatch, call: ExternalCall, run: () => Promise<T>): Promise<T> {
  watch.before(call);
  const result = await run().catch((error: unknown) => {
    watch.failed?.(call, error);
    throw error;
  });
  watch.after(call);
  return result;
}

function aroundNow(watch: CallWatch, call: ExternalCall, run: () => void): void {
  watch.before(call);
  run();
  watch.after(call);
}

function watchKube(kube: KubeWrites, watch: CallWatch): KubeWrites {
  const call = <T>(what: string, target: { name: string; namespace?: string | undefined }, run: () => Promise<T>) => {
    const endpointId = idIn(target.namespace ?? target.name);
    return endpointId === undefined ? run() : around(watch, { endpointId, what }, run);
  };
  return {
    get: (...given) => kube.get(...given),
    apply: (object, options) => call(`apply ${object.kind}`, object.metadata, () => kube.apply(object, options)),
    applyStatus: (object, options) =>
      call(`status of ${object.kind}`, object.metadata, () => kube.applyStatus(object, options)),
    patch: (kind, target, change) => {
      const what = target.subresource === undefined ? 'patch' : `${target.subresource} of`;
      return call(`${what} ${kind.kind}`, target, () => kube.patch(kind, target, change));
    },
    delete: (kind, target, options) => call(`delete ${kind.kind}`, target, () => kube.delete(kind, target, options)),
  };
}

/** The same object but for some members; methods keep their own `this`. */
export function instead<T extends object>(target: T, members: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      const value: unknown = name in members ? Reflect.get(members, name) : Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function watchNats(nats: Nats, watch: CallWatch): Nats {
  const { nc, js } = nats;
  const told = (subject: string): ExternalCall | undefined => {
    const endpointId = idIn(subject);
    const what = subject.startsWith('$KV.edge.')
      ? 'pool'
      : (/^fairway\.(status|event|v1)\./.exec(subject)?.[1] ?? 'row');
    return endpointId === undefined ? undefined : { endpointId, what: `write ${what.replace('v1', 'team event')}` };
  };
  const acked = (message: JsMsg): JsMsg =>
    instead(message, {
      ack() {
        const endpointId = idIn(message.subject);
        if (endpointId === undefined) return message.ack();
        try {
          aroundNow(watch, { endpointId, what: 'ack' }, () => message.ack());
        } catch {
          // Who dies here for one endpoint goes on to take the messages of the others.
        }
      },
    });
  const watched = {
    ...nats,
    nc: instead(nc, {
      request(subject, payload, options) {
        const call = told(subject);
        if (call === undefined) return nc.request(subject, payload, options);
        return around(watch, call, async () => {
          const reply = await nc.request(subject, payload, options);
          if (reply.string().includes('"error"')) watch.failed?.(call, reply.string());
          return reply;
        });
      },
      publish(subject, payload, options) {
        const call = told(subject);
        const run = (): void => nc.publish(subject, payload, options);
        if (call === undefined) run();
        else aroundNow(watch, call, run);
      },
    }),
    js: instead(js, {
      publish(subject, payload, options) {
        const call = told(subject);
        const run = (): ReturnType<typeof js.publish> => js.publish(subject, payload, options);
        return call === undefined ? run() : around(watch, call, run);
      },
    }),
  };
  return withMessages(watched, (messages) => mapped(messages, acked));
}

async function* mapped(messages: AsyncIterable<JsMsg>, change: (message: JsMsg) => JsMsg): AsyncGenerator<JsMsg> {
  for await (const message of messages) yield change(message);
}

/** The same connection, whose durable consumers deliver what `change` makes of their messages; views are left alone. */
export function withMessages(nats: Nats, change: (messages: AsyncIterable<JsMsg>) => AsyncIterable<JsMsg>): Nats {
  const { js } = nats;
  const { consumers } = js;
  const delivering = (messages: ConsumerMessages): ConsumerMessages =>
    instead(messages, { [Symbol.asyncIterator]: () => change(messages)[Symbol.asyncIterator]() });
  return {
    ...nats,
    js: instead(js, {
      consumers: instead(consumers, {
        async get(...given) {
          const consumer = await consumers.get(...given);
          if (typeof given[1] !== 'string') return consumer;
          return instead(consumer, { consume: async (options) => delivering(await consumer.consume(options)) });
        },
      }),
    }),
  };
}
