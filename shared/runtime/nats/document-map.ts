import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { Nats } from './nats.ts';
import type { StoredDocument } from './nats-publish.ts';
import { startView, type NatsView } from './nats-view.ts';
import { parseJson } from '../parse-json.ts';

/** A document as a map holds it: parsed, with its place in the stream. */
export interface MappedDocument<T> {
  value: T;
  seq: number;
}

/** What a map follows. `parse` answers null for a document that it does not know. */
export interface DocumentMapOptions<T> {
  nats: Nats;
  clock: Clock;
  log: Logger;
  stream: string;
  /** One wildcard subject. */
  subject: string;
  parse: (json: unknown) => T | null;
  /**
   * What becomes of the document before one that cannot be read: `stays` where the last known state is the best there is,
   * `goes` where a document grants something, which may be what the unreadable one takes back.
   */
  parked: 'stays' | 'goes';
  /** Called after each change of a subject; must not throw. */
  onChange?: (subject: string) => void;
  rereadEveryMs?: number;
}

/** The newest document of each subject, parsed once. */
export interface DocumentMap<T> extends Omit<NatsView, 'learn'> {
  /** Takes over what was read from the leader or stored, unless it is known. */
  learn(document: StoredDocument): void;
  get(subject: string): MappedDocument<T> | undefined;
  entries(): IterableIterator<[string, MappedDocument<T>]>;
  /** Forgets a document that readers need no more; a newer one on the subject comes back by itself. */
  forget(subject: string): void;
}

/**
 * A view that keeps parsed documents by subject. One that cannot be read (damaged, or of a newer version) is parked: it
 * is logged, and left where it is. A deletion removes a document, and so does its absence.
 */
export function startDocumentMap<T>(options: DocumentMapOptions<T>): DocumentMap<T> {
  const documents = new Map<string, MappedDocument<T>>();
  const put = ({ subject, seq }: { subject: string; seq: number }, json: unknown): void => {
    const value = options.parse(json);
    if (value === null) options.log.warn({ stream: options.stream, subject, seq }, 'document.parked');
    if (value !== null) documents.set(subject, { value, seq });
    else if (options.parked === 'goes') documents.delete(subject);
    options.onChange?.(subject);
  };
  const drop = (subject: string): void => {
    documents.delete(subject);
    options.onChange?.(subject);
  };
  const view = startView({
    nats: options.nats,
    clock: options.clock,
    log: options.log,
    stream: options.stream,
    subjects: [options.subject],
    apply: (message) => (message.deleted ? drop(message.subject) : put(message, parseJson(message.text))),
    ...(options.rereadEveryMs !== undefined && { rereadEveryMs: options.rereadEveryMs }),
    onAbsent: drop,
  });
  return {
    appliedSeq: () => view.appliedSeq(),
    synced: () => view.synced(),
    following: () => view.following(),
    whenSynced: (signal) => view.whenSynced(signal),
    reached: (seq, signal) => view.reached(seq, signal),
    caughtUp: (signal) => view.caughtUp(signal),
    learn: (document) => {
      if (!view.learn(document)) return;
      if (document.deleted) drop(document.subject);
      else put(document, document.body);
    },
    get: (subject) => documents.get(subject),
    entries: () => documents.entries(),
    forget: (subject) => void documents.delete(subject),
    [Symbol.asyncDispose]: () => view[Symbol.asyncDispose](),
  };
}
