import type { IncomingHttpHeaders } from 'node:http';
import type { AppError } from '#shared/contract/errors.ts';
import type { BodyRules } from '../scan/body-rules.ts';
import type { Usage } from '../replicas/usage.ts';
import type { ScannedBody } from '../scan/scanned-body.ts';

/** An engine's answer that was taken whole, to be relayed or passed over. */
export interface EngineAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  /** An encoding that the router could not undo. */
  readonly contentEncoding?: string;
  /** When the engine asks to be tried again. */
  readonly retryAfterMs?: number;
  readonly body: Buffer;
}

/** Replaces the bytes [start, end) of a body. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array;
}

/**
 * What one event of a stream is to the router; events that carry nothing are none.
 * - `opening`: a head or role without content
 * - `content`: text, a tool call, reasoning, the end of a choice or anything that is not understood
 * - `meta`: counts and no choice
 * - `error`: the engine gave up
 * - `done`: the stream's last event
 */
export type EventKind = 'opening' | 'content' | 'meta' | 'error' | 'done';

/** Gets each event: the bytes for the client (none when all of it was for the router), or what the error's event says. */
export type TakeEvent = (kind: EventKind, bytes: Buffer | undefined) => void;

/** Reads one answer: made anew for each attempt, it remembers what it has read. */
export interface AnswerReader {
  /** Reads the next bytes of a stream, cut anywhere. @throws FrameTooLongError */
  read(chunk: Buffer, take: TakeEvent): void;
  /** The body has ended as HTTP says it should: an event that lacks its terminator counts. */
  end(take: TakeEvent): void;
  /** Gives out what was kept back for the sake of the next event; there will be none. */
  flush(take: TakeEvent): void;
  /** Every choice that was asked for has come to its end. */
  readonly finished: boolean;
  readonly usage: Usage | undefined;
  /** The last bytes of a stream that fails, where they say more than `ErrorVoice.streamEnd` can. */
  streamEnd?(body: Buffer): Buffer;
}

/** An error as its API tells it: an answer of its own, or, by its body, the end of a stream. */
export interface ToldError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** How an API says that something went wrong. */
export interface ErrorVoice {
  /** An error of the router; what an engine said about it is kept inside. */
  told(error: AppError, about: { readonly requestId: string; readonly original?: Buffer | undefined }): ToldError;
  /** An engine's refusal in this API's shape: as it is when it has that shape already, else kept inside. */
  relayed(answer: EngineAnswer, requestId: string): ToldError;
  /** The last bytes of a stream that ends with an error; `body` as of the two above. */
  streamEnd(body: Buffer): Buffer;
  /** Whether an answer that came as a success tells an error. */
  tells(body: Buffer): boolean;
  /** The answer that an error stands for which came as an event, or as a success. */
  answerOf(told: Buffer): EngineAnswer;
}

/** Everything that differs between the routes of the data plane. Nothing outside of `dialects/` knows a field or a frame. */
export interface Dialect {
  /** Label of metrics and log. */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  /**
   * Of a route about an answer that was given before: the path has its id as `:id`, there is no body, and it goes to the
   * replica that keeps the answer.
   */
  readonly aboutAnswer?: {
    /** Whether the query asks for a stream. */
    isStreamed(query: URLSearchParams): boolean;
  };
  /** Request headers of this API that engines may see, in lower case, beside those that every route passes on. */
  readonly headers: readonly string[];
  /** Routing fields and spans. */
  readonly body: BodyRules;
  /** The field that names the model. */
  readonly modelField: string;
  /** The field that names the answer which a request goes on from, where the API has one. */
  readonly previousField?: string;
  /** Content type of its streams. */
  readonly streamType: string;
  /** What passes every hop and means nothing. */
  readonly heartbeat: Buffer;
  /** The last event of every stream that went well. */
  readonly endMark: Buffer;
  readonly errors: ErrorVoice;
  /**
   * The edits that a body gets on its way to an engine that serves `engineModel`, and keeps what it caches apart by
   * `cacheSalt`. Everything else stays byte for byte.
   */
  splices(body: ScannedBody, engineModel: string, cacheSalt?: string): Splice[];
  /** A probe's body: one token of output, one choice. */
  probeBody(body: Buffer): Buffer;
  reader(body: ScannedBody): AnswerReader;
  /** The id by which clients may ask for an answer later, out of its first bytes; APIs that keep none leave it out. */
  answerId?(head: Buffer): string | undefined;
  /** Usage of a whole answer, out of its last bytes. */
  usageOf(tail: Buffer): Usage | undefined;
  /** Headers of every answer. */
  answerHeaders(processingMs: number): Record<string, string>;
}

/** A model as an endpoint serves it, under one of its names. */
export interface ServedModel {
  readonly id: string;
  readonly team: string;
  /** What the engine calls it: another name than `id` where that is an alias. */
  readonly root: string;
  /** The model beside which an adapter is served. */
  readonly parent?: string;
  /** When its endpoint was created, milliseconds since the epoch; 0 when that is not known. */
  readonly createdAt: number;
  readonly contextTokensMax: number;
  /** The endpoint's cap, where it has one. */
  readonly outputTokensMax: number | undefined;
  /** `ready`: a replica can take a request now. */
  readonly status: 'ready' | 'starting' | 'deleting';
}

/** One API: a folder of `dialects/`, and all that the router must be given to serve it. */
export interface Api {
  readonly routes: readonly Dialect[];
  /** Speaks where no route does. */
  readonly errors: ErrorVoice;
  /** Whether the headers of a request that could be for several APIs, or for none, are those of this one's clients. */
  speaksTo?(headers: IncomingHttpHeaders): boolean;
  /** Where models are listed, each also below it by its id; an API without such a route leaves it out. */
  readonly models?: {
    readonly path: string;
    /** What an error calls the id. */
    readonly idField: string;
    list(models: readonly ServedModel[]): object;
    one(model: ServedModel): object;
  };
}
