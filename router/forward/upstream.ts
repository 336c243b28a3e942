/** Where one request goes. */
export interface UpstreamTarget {
  readonly replicaId: string;
  readonly address: string;
  readonly port: number;
}

/** One request to a model server; always a POST with a body whose length is known. */
export interface UpstreamRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: readonly Uint8Array[];
  /** Opens a new connection instead of taking an idle one. */
  readonly fresh: boolean;
}

/** Status and headers (names in lower case) of an answer. */
export interface UpstreamHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/**
 * Why there is no (whole) answer: `connect` nothing was sent · `reset` the connection ended before the answer did ·
 * `protocol` what came is not HTTP.
 */
export interface UpstreamFailure {
  readonly kind: 'connect' | 'reset' | 'protocol';
  /** The connection had served before: its end may be no more than an idle time-out that crossed the request. */
  readonly reusedSocket: boolean;
  readonly reason: string;
}

/** Who takes the answer: one `onHead` (or none), any `onData`, then exactly one of `onEnd` and `onFailure`. */
export interface UpstreamHandler {
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
  send(target: UpstreamTarget, request: UpstreamRequest, handler: UpstreamHandler): UpstreamCall;
  /** Closes idle connections of a replica that is gone. */
  forget(target: UpstreamTarget): void;
}
