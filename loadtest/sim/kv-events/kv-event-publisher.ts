import type { Publisher, Router } from 'zeromq';
import { ConfigError } from '#shared/runtime/config-error.ts';
import type { CacheEvent } from '../engine/cache-event.ts';
import type { TokenChain } from '../model/tokens.ts';
import { encodeBatch } from './encode-batch.ts';
import type { KvEventsConfig, KvEventsForm } from './kv-events-config.ts';

/**
 * What goes wrong with a batch: `lost` before it got a number, so that nobody can tell; `gap` on the way, with a number
 * that is missing to everyone and can be asked for; `restart` numbers from 0 again and forgets what was before.
 */
export type KvEventFault = 'lost' | 'gap' | 'restart';

/**
 * How long a closed socket may still send what it has, milliseconds. Without it libzmq 4.3.5 ends the process where a message of
 * several parts was half taken to be sent (github.com/zeromq/libzmq/issues/3442).
 */
const linger = 1000;

/** How a publisher is started. */
export interface KvEventPublisherOptions {
  readonly config: KvEventsConfig;
  readonly form: KvEventsForm;
  readonly blockTokens: number;
  /**
   * Stands for `*` in endpoints: replicas that share a machine have an address each. A host that is one for all of them
   * (`0.0.0.0`) is `*` itself.
   */
  readonly host: string;
}

/** Opens the sockets of a publisher. @throws Error when an address is taken or malformed. */
export async function startKvEventPublisher(options: KvEventPublisherOptions): Promise<KvEventPublisher> {
  const { Publisher, Router } = await import('zeromq');
  const { endpoint, replayEndpoint, highWaterMark } = options.config;
  const ipv6 = options.host.includes(':');
  const publisher = new Publisher({ ipv6, linger, sendHighWaterMark: highWaterMark });
  const replay = replayEndpoint === undefined ? undefined : new Router({ ipv6, linger });
  try {
    await open(publisher, endpoint, options.host);
    if (replay !== undefined) await open(replay, replayEndpoint ?? '', options.host);
    return new KvEventPublisher(options, publisher, replay);
  } catch (cause) {
    publisher.close();
    replay?.close();
    throw new ConfigError(
      `KV events cannot be published at ${endpoint}${replayEndpoint === undefined ? '' : ` and ${replayEndpoint}`}: ${String(cause)}. Stop what listens there or pass another --kv-events-config.`,
      { cause },
    );
  }
}

/** Any endpoint but one with `*`, `::` or within the machine is one to connect to, as in vLLM. */
async function open(socket: Publisher | Router, endpoint: string, host: string): Promise<void> {
  if (!/\*|::|^ipc:|^inproc:/.test(endpoint)) return socket.connect(endpoint);
  const everywhere = host === '0.0.0.0' || host === '::';
  const one = host.includes(':') ? `[${host}]` : host;
  await socket.bind(everywhere ? endpoint : endpoint.replace('://*', `://${one}`));
}

/**
 * Publishes KV events over ZeroMQ as vLLM 0.32 does: a PUB socket sends topic, number (8 bytes, big-endian) and batch; a
 * ROUTER socket sends batches again from a number on, and says when it is done by the number −1.
 */
export class KvEventPublisher implements AsyncDisposable {
  readonly #options: KvEventPublisherOptions;
  readonly #publisher: Publisher;
  readonly #replay: Router | undefined;
  readonly #chains = new WeakMap<readonly number[], TokenChain>();
  readonly #kept: { readonly sequence: Buffer; readonly payload: Uint8Array }[] = [];
  #next = 0n;
  #sending: Promise<void> = Promise.resolve();
  readonly #answering: Promise<void>;

  /** Takes open sockets, and closes them at its end. */
  constructor(options: KvEventPublisherOptions, publisher: Publisher, replay: Router | undefined) {
    this.#options = options;
    this.#publisher = publisher;
    this.#replay = replay;
    // What is on its way when the socket closes is rejected; that is the end, and no error.
    this.#answering = this.#answer().catch((error: unknown) => {
      if (replay?.closed !== true) throw error;
    });
  }

  get config(): KvEventsConfig {
    return this.#options.config;
  }

  /** Remembers which tokens are behind blocks, as long as somebody has the blocks. */
  remember(chain: TokenChain): void {
    this.#chains.set(chain.blocks, chain);
  }

  /** Sends what happened as one batch; does nothing when nothing did. */
  publish(events: readonly CacheEvent[], seconds: number, fault?: KvEventFault): void {
    if (fault === 'restart') {
      this.#next = 0n;
      this.#kept.length = 0;
    }
    if (events.length === 0 || fault === 'lost') return;
    const { form, blockTokens, config } = this.#options;
    const chainOf = (blocks: readonly number[]): TokenChain | undefined => this.#chains.get(blocks);
    const payload = encodeBatch(events, seconds, { form, blockTokens, chainOf });
    const sequence = Buffer.alloc(8);
    sequence.writeBigUInt64BE(this.#next);
    this.#next += 1n;
    if (this.#replay !== undefined) this.#kept.push({ sequence, payload });
    if (this.#kept.length > config.bufferSteps) this.#kept.shift();
    if (fault === 'gap') return;
    // A PUB socket waits for nobody, but the binding wants one send at a time.
    this.#sending = this.#sending.then(() => this.#publisher.send([config.topic, sequence, payload]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sending;
    this.#publisher.close();
    this.#replay?.close();
    await this.#answering;
  }

  async #answer(): Promise<void> {
    if (this.#replay === undefined) return;
    for await (const [client, , from] of this.#replay) {
      if (client === undefined || from?.length !== 8) continue;
      const topic = (text: string): string[] => (this.#options.form === 'map' ? [text] : []);
      for (const { sequence, payload } of this.#kept.filter((kept) => kept.sequence.compare(from) >= 0))
        await this.#replay.send([client, '', ...topic(this.config.topic), sequence, payload]);
      await this.#replay.send([client, '', ...topic(''), Buffer.alloc(8, 0xff), '']);
    }
  }
}
