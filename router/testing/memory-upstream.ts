import type {
  Upstream,
  UpstreamCall,
  UpstreamFailure,
  UpstreamHandler,
  UpstreamMessage,
  UpstreamTarget,
} from '../forward/upstream.ts';

/** One step of an answer. `wait` goes on when the test calls `release`. */
export type UpstreamStep =
  | { readonly head: number; readonly type?: string; readonly headers?: Readonly<Record<string, string>> }
  | { readonly data: string }
  | { readonly wait: true }
  | { readonly end: true }
  | { readonly fail: UpstreamFailure['kind']; readonly reusedSocket?: boolean };

/** One request that was sent. */
export interface SentMessage {
  readonly target: UpstreamTarget;
  readonly message: UpstreamMessage;
  readonly body: string;
  readonly aborted: boolean;
  readonly paused: boolean;
  /** Ends the present `wait`. */
  release(): void;
}

/** Model servers that answer as they are told, step by step, without sockets or timers. */
export class MemoryUpstream implements Upstream {
  readonly sent: SentMessage[] = [];
  readonly #script: (target: UpstreamTarget, message: UpstreamMessage) => readonly UpstreamStep[];

  constructor(script: (target: UpstreamTarget, message: UpstreamMessage) => readonly UpstreamStep[]) {
    this.#script = script;
  }

  send(target: UpstreamTarget, message: UpstreamMessage, handler: UpstreamHandler): UpstreamCall {
    const call = new ScriptedCall(target, message, handler);
    this.sent.push(call);
    void call.run(this.#script(target, message));
    return call;
  }

  forget(): void {}

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

class ScriptedCall implements UpstreamCall, SentMessage {
  readonly target: UpstreamTarget;
  readonly message: UpstreamMessage;
  readonly body: string;
  aborted = false;
  paused = false;
  readonly #handler: UpstreamHandler;
  #resumed: (() => void) | undefined;
  #released: (() => void) | undefined;

  constructor(target: UpstreamTarget, message: UpstreamMessage, handler: UpstreamHandler) {
    this.target = target;
    this.message = message;
    this.body = Buffer.concat(message.body).toString();
    this.#handler = handler;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.#resumed?.();
  }

  abort(): void {
    this.aborted = true;
    this.#released?.();
    this.#resumed?.();
  }

  release(): void {
    this.#released?.();
  }

  async run(steps: readonly UpstreamStep[]): Promise<void> {
    await Promise.resolve();
    this.#handler.onSent();
    for (const step of steps) {
      await Promise.resolve();
      if (this.paused) await new Promise<void>((resolve) => (this.#resumed = resolve));
      if ('wait' in step && !this.aborted) await new Promise<void>((resolve) => (this.#released = resolve));
      if (this.aborted) return;
      this.#take(step);
    }
  }

  #take(step: UpstreamStep): void {
    if ('head' in step)
      this.#handler.onHead({
        status: step.head,
        headers: { 'content-type': step.type ?? 'text/event-stream', ...step.headers },
      });
    else if ('data' in step) this.#handler.onData(Buffer.from(step.data));
    else if ('end' in step) this.#handler.onEnd();
    else if ('fail' in step)
      this.#handler.onFailure({ kind: step.fail, reusedSocket: step.reusedSocket ?? false, reason: 'as told' });
  }
}
