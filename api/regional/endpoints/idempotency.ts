import type { IntentEntry } from '#shared/contract/desired.ts';
import { AppError } from '#shared/contract/errors.ts';
import { keyHonouredMs } from './next-document.ts';
import type { Call, RegionContext } from './region-context.ts';

/** How often one key may be used again after its day; then it counts as used up. */
export const keyGenerationsMax = 8;

/** Within this time an equal change without a key is taken for a retry: doctl, DoTs and pydo retry like that. */
export const keylessRetryMs = 10 * 60 * 1000;

/** Ids that belong to an Idempotency-Key; a new generation starts when the key is used again after its day. */
export function keyedIds(
  { keys }: RegionContext,
  team: string,
  use: { key: string; generation: number },
): { endpointId: string; intentId: string } {
  const text = `${team}\0${use.generation}\0${use.key}`;
  return { endpointId: keys.derivedId(`endpoint\0${text}`), intentId: keys.derivedId(`intent\0${text}`) };
}

/** The intent of a call on an existing endpoint: new, or one that is remembered, with the time at which it was stored. */
export type SoughtCall =
  | { intentId: string; replayed: null }
  | { intentId: string; replayed: { revision: number; at: number } };

/**
 * Looks a call's Idempotency-Key up in the intents of a document.
 * @throws AppError `idempotency_mismatch` when it was used with another body.
 */
export function seekIntent(
  context: RegionContext,
  call: Call,
  { intents, revision, bodyHash }: { intents: readonly IntentEntry[]; revision: number; bodyHash: string },
): SoughtCall {
  if (call.idempotencyKey === undefined) return { intentId: context.newId(), replayed: null };
  for (let generation = 0; generation < keyGenerationsMax; generation += 1) {
    const { intentId } = keyedIds(context, call.principal.team, { key: call.idempotencyKey, generation });
    const entry = intents.find((known) => known.intentId === intentId);
    if (entry === undefined) return { intentId, replayed: null };
    if (context.clock.now() - entry.at >= keyHonouredMs) continue;
    if (entry.bodyHash !== bodyHash) throw new AppError('idempotency_mismatch');
    return { intentId, replayed: { revision: entry.revision ?? revision, at: entry.at } };
  }
  throw new AppError('idempotency_mismatch', { message: 'This Idempotency-Key is used up. Send a new one.' });
}
