/** Where one request goes. */
export interface UpstreamTarget {
  readonly replicaId: string;
  readonly address: string;
  readonly port: number;
  /** `http` where it is left out. */
  readonly scheme?: 'http' | 'https' | undefined;
}

/** What is sent to a model server; the length of its body is known. */
export interface UpstreamMessage {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: readonly Uint8Array[];
  /** Opens a new connection instead of taking an idle one. */
  readonly fresh: boolean;
}

/** Status and headers (names in lower case) of an answer. A `content-encoding` is one that could not be undone. */
export interface UpstreamHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/**
 * Why there is no (whole) answer: `connect` nobody listens there · `reset` the connection ended before the answer did ·
 * `protocol` what came makes no sense · `local` this process could not even ask: no descriptors, no memory, or its event
 * loop stood still. The last says nothing about the replica.
 */
export interface UpstreamFailure {
  readonly kind: 'connect' | 'reset' | 'protocol' | 'local';
  /** The connection had served before: its end may be no more than an idle time-out that crossed the request. */
  readonly reusedSocket: boolean;
  /** For the log; names addresses. */
  readonly reason: string;
}

/** Who takes the answer: `onSent` when the request has left whole, one `onHead` (or none), any `onData`, then exactly one of `onEnd` and `onFailure`. */
export interface UpstreamHandler {
  onSent(): void;
  onHead(head: UpstreamHead): void;
  onData(chunk: Buffer): void;
  onEnd(): void;
  onFailure(failure: UpstreamFailure): void;
}

/** A request under way. */
export interface UpstreamCall {
  /** Stops and restarts the flow of data; chunks that are on their way may still come. */
  pause(): void;
  resume(): void;
  /** Closes the connection, so that the engine stops. The handler hears nothing after it. */
  abort(): void;
}

/** How requests reach model servers. The handler is never called before `send` has returned. */
export interface Upstream extends AsyncDisposable {
  send(target: UpstreamTarget, message: UpstreamMessage, handler: UpstreamHandler): UpstreamCall;
  /** Closes idle connections of a replica that is gone. */
  forget(target: UpstreamTarget): void;
}
