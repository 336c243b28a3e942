import type { Clock } from '../clock.ts';
import type { Logger } from '../log.ts';
import type { Nats } from './nats.ts';
import { startView, type NatsView } from './nats-view.ts';

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
export interface DocumentMap<T> extends NatsView {
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
  const view = startView({
    nats: options.nats,
    clock: options.clock,
    log: options.log,
    stream: options.stream,
    subjects: [options.subject],
    apply: ({ subject, seq, deleted, text }) => {
      if (deleted) documents.delete(subject);
      else {
        const value = parseText(text, options.parse);
        if (value === null) options.log.warn({ stream: options.stream, subject, seq }, 'document.parked');
        if (value !== null) documents.set(subject, { value, seq });
        else if (options.parked === 'goes') documents.delete(subject);
      }
      options.onChange?.(subject);
    },
    ...(options.rereadEveryMs !== undefined && { rereadEveryMs: options.rereadEveryMs }),
    onAbsent: (subject) => {
      documents.delete(subject);
      options.onChange?.(subject);
    },
  });
  return {
    appliedSeq: () => view.appliedSeq(),
    synced: () => view.synced(),
    following: () => view.following(),
    whenSynced: (signal) => view.whenSynced(signal),
    reached: (seq, signal) => view.reached(seq, signal),
    caughtUp: (signal) => view.caughtUp(signal),
    learn: (document) => view.learn(document),
    get: (subject) => documents.get(subject),
    entries: () => documents.entries(),
    forget: (subject) => void documents.delete(subject),
    [Symbol.asyncDispose]: () => view[Symbol.asyncDispose](),
  };
}

function parseText<T>(text: string, parse: (json: unknown) => T | null): T | null {
  try {
    return parse(JSON.parse(text));
  } catch {
    return null;
  }
}
