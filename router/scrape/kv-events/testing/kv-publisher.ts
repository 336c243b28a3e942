import { encode } from '@msgpack/msgpack';
import { Publisher, Router } from 'zeromq';

/** An engine's side of KV events, as vLLM's `ZmqEventPublisher`: publishes numbered batches, and says again what is asked for. */
export class KvPublisher implements AsyncDisposable {
  readonly port: number;
  readonly replayPort: number;
  /** How many replays were asked for. */
  replays = 0;
  /** Frames of a replay begin with the topic, as since vLLM 0.26; SGLang has two only. */
  hasTopic = true;
  /** Replays are asked for in vain. */
  isSilent = false;
  readonly #events: Publisher;
  readonly #replay: Router;
  readonly #answering: Promise<void>;
  readonly #kept: { readonly number: number; readonly payload: Uint8Array }[] = [];
  #next: number;

  private constructor(events: Publisher, replay: Router, next: number) {
    this.#events = events;
    this.#replay = replay;
    this.#next = next;
    this.port = portOf(events.lastEndpoint);
    this.replayPort = portOf(replay.lastEndpoint);
    this.#answering = this.#answer();
  }

  /** Starts one on free ports, or on those of one that is gone; `next`: number of its first message. */
  static async start(ports = { port: 0, replayPort: 0 }, next = 0): Promise<KvPublisher> {
    const events = new Publisher({ linger: 0 });
    const replay = new Router({ linger: 0 });
    try {
      await events.bind(`tcp://127.0.0.1:${ports.port || '*'}`);
      await replay.bind(`tcp://127.0.0.1:${ports.replayPort || '*'}`);
      return new KvPublisher(events, replay, next);
    } catch (error) {
      events.close();
      replay.close();
      throw error;
    }
  }

  /** Publishes a batch, or only keeps it for replays, as if it were lost on the way. */
  async publish(events: readonly unknown[], { lost = false } = {}): Promise<void> {
    const number = this.#next++;
    const payload = encode([1.5, events, 0], { useBigInt64: true });
    this.#kept.push({ number, payload });
    if (!lost) await this.#events.send(['kv-events', numberFrame(number), payload]);
  }

  async send(payload: Uint8Array): Promise<void> {
    await this.#events.send(['kv-events', numberFrame(this.#next++), payload]);
  }

  /** Forgets what was published: it cannot be replayed. */
  forget(): void {
    this.#kept.length = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#events.close();
    this.#replay.close();
    await this.#answering;
  }

  async #answer(): Promise<void> {
    for await (const [client, , start] of this.#replay) {
      if (client === undefined || start === undefined) continue;
      this.replays++;
      if (this.isSilent) continue;
      const head = this.hasTopic ? [client, '', 'kv-events'] : [client, ''];
      for (const { number, payload } of this.#kept)
        if (number >= Number(start.readBigUInt64BE())) await this.#replay.send([...head, numberFrame(number), payload]);
      await this.#replay.send([client, '', ...(this.hasTopic ? [''] : []), Buffer.alloc(8, 0xff), '']);
    }
  }
}

function numberFrame(number: number): Buffer {
  const frame = Buffer.alloc(8);
  frame.writeBigUInt64BE(BigInt(number));
  return frame;
}

function portOf(endpoint: string | null): number {
  return Number(endpoint?.split(':').at(-1));
}
