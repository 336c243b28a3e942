import { intentsMax, type IntentEntry, type SpecDocument, type WrittenAccess } from '#shared/contract/desired.ts';
import { digest } from '#shared/runtime/keyed-hash.ts';
import { isRecord } from '#shared/runtime/is-record.ts';
import type { PreparedIntent } from '../commit/commit-intent.ts';

/** How long an Idempotency-Key is honoured. */
export const keyHonouredMs = 24 * 60 * 60 * 1000;

/** What a mutation is known by, and what its audit line says. */
export type IntentMark = Required<Omit<IntentEntry, 'revision' | 'previousHash' | 'contentHash'>>;

/** A document that carries intents, and the sequence it stands at. */
interface Revised<Carrier> {
  document: Carrier;
  revision: number;
}

/** What is accepted in any case, also when the audit line of an intent that leaves the list cannot be written. */
const alwaysAccepted: readonly IntentMark['verb'][] = ['delete', 'revoke_token'];

/** The next version of a document on its subject, with one more intent than `previous`. */
export function nextDocument<Carrier extends SpecDocument | WrittenAccess>(
  previous: Revised<Carrier>,
  { subject, content }: { subject: string; content: Carrier },
  mark: IntentMark,
): PreparedIntent<Carrier> {
  const entry = { ...mark, previousHash: contentHash(previous.document), contentHash: contentHash(content) };
  const isFull = previous.document.intents.length >= intentsMax;
  return {
    intentId: mark.intentId,
    bodyHash: mark.bodyHash,
    others: [],
    carrier: {
      subject,
      body: { ...content, intents: nextIntents(previous, { ...entry, revision: null }) },
      expectedSeq: previous.revision,
    },
    leaving: isFull ? { ...previous, anyway: alwaysAccepted.includes(mark.verb) } : null,
  };
}

/**
 * SHA-256 of what a document says, its intents left out: the same for the same content, in whatever order members stand.
 */
export function contentHash(document: object): string {
  const content = { ...document, intents: undefined };
  const sorted = (_name: string, value: unknown): unknown =>
    isRecord(value) ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) : value;
  return digest(JSON.stringify(content, sorted));
}

/**
 * Carries the intents forward: the previous write's own entry learns its revision, and when the list is full the oldest
 * one falls out. The first one, a create's, stays for a day, since an Idempotency-Key is honoured that long.
 */
function nextIntents(
  { document, revision }: Revised<{ intents: readonly IntentEntry[] }>,
  entry: IntentEntry,
): IntentEntry[] {
  const known = document.intents.map((one) => ({ ...one, revision: one.revision ?? revision }));
  const [first] = known;
  const all = [...known, entry];
  const pinned = all.length > intentsMax && first !== undefined && entry.at - first.at < keyHonouredMs;
  return pinned ? [first, ...all.slice(1 - intentsMax)] : all.slice(-intentsMax);
}
