import { z } from 'zod';
import { desiredSchema, type SpecDocument } from '#shared/contract/desired.ts';

/** What is desired of an endpoint. `parked`: there is a document, but this build cannot read it, so nothing is touched. */
export type DesiredEntry =
  | { kind: 'spec'; spec: SpecDocument; revision: number }
  | { kind: 'tombstone'; revision: number }
  | { kind: 'parked'; revision: number; reason: string }
  | { kind: 'absent' };

/** A document with the sequence that its next write has to name; `document` is null when there is none (any more). */
export interface Sequenced<T> {
  document: T | null;
  seq: number;
}

/** One message of `fairway.spec.<endpointId>`. */
export interface SpecMessage {
  endpointId: string;
  revision: number;
  text: string;
  /** A marker that the message is gone. */
  deleted: boolean;
}

/** Reads a message; what does not fit is parked, never dropped. Pure. */
export function readDesired(message: SpecMessage): DesiredEntry {
  const { revision } = message;
  if (message.deleted) return { kind: 'absent' };
  const parsed = parse(message.text);
  if (!parsed.success) return { kind: 'parked', revision, reason: z.prettifyError(parsed.error) };
  return parsed.data.kind === 'spec' ? { kind: 'spec', spec: parsed.data, revision } : { kind: 'tombstone', revision };
}

function parse(text: string): ReturnType<typeof desiredSchema.safeParse> {
  try {
    return desiredSchema.safeParse(JSON.parse(text));
  } catch {
    return desiredSchema.safeParse(undefined);
  }
}

/** The newest known spec of each endpoint: a revision never replaces a newer one. Filled by the consumer and by resync. */
export class DesiredMap {
  readonly #entries = new Map<string, Exclude<DesiredEntry, { kind: 'absent' }>>();

  /** True when the message was news. */
  take(message: SpecMessage): boolean {
    const known = this.#entries.get(message.endpointId);
    if (known !== undefined && known.revision >= message.revision) return false;
    const entry = readDesired(message);
    if (entry.kind === 'absent') return this.#entries.delete(message.endpointId);
    this.#entries.set(message.endpointId, entry);
    return true;
  }

  get(endpointId: string): DesiredEntry {
    return this.#entries.get(endpointId) ?? { kind: 'absent' };
  }

  keys(): string[] {
    return [...this.#entries.keys()];
  }

  /** Drops what a complete read of the stream up to `revision` did not show: it has expired there. */
  retain(present: ReadonlySet<string>, revision: number): void {
    for (const [endpointId, entry] of this.#entries)
      if (!present.has(endpointId) && entry.revision <= revision) this.#entries.delete(endpointId);
  }
}
