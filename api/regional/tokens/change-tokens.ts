import type { WrittenAccess } from '#shared/contract/desired.ts';
import { AppError } from '#shared/contract/errors.ts';
import type { IntentMark } from '../endpoints/next-document.ts';
import type { Call, RegionContext } from '../endpoints/region-context.ts';
import { readAccess, type EndpointAccess } from './read-access.ts';
import { planTokens, seekTokenIntent } from './token-intents.ts';

/** Rounds against others who change the tokens of the endpoint at the same time. */
const roundsMax = 16;

/** One token as stored. */
export type StoredToken = WrittenAccess['tokens'][number];

/** The stored intent that a new token derives from. */
export interface Origin {
  intentId: string;
  at: number;
}

/** One change of an endpoint's tokens. */
export interface TokenChange {
  endpointId: string;
  verb: IntentMark['verb'];
  bodyHash: string;
  /** Whether an equal change of that origin still has its effect: without a key it is then taken for a retry. */
  stands: (tokens: readonly StoredToken[], origin: Origin) => boolean;
  /** The tokens as they are to be, and the change in one line. @throws AppError when it is refused. */
  decide: (present: EndpointAccess, origin: Origin) => { tokens: StoredToken[]; summary: string };
}

/**
 * Stores a change of an endpoint's tokens, or finds that it has been stored before; with the tokens after it.
 * @throws AppError `not_found`, `idempotency_mismatch`, `conflict`, `store_full`, `overloaded`, `outcome_unknown`,
 * `unavailable`, and what `decide` throws.
 */
export async function changeTokens(
  context: RegionContext,
  call: Call,
  { endpointId, verb, bodyHash, stands, decide }: TokenChange,
): Promise<{ origin: Origin; tokens: readonly StoredToken[] }> {
  for (let round = 0; round < roundsMax; round += 1) {
    const present = await readAccess(context, call, endpointId);
    const { tokens: before } = present.access;
    const sought = { ...present, bodyHash, stands: (origin: Origin) => stands(before, origin) };
    const { intentId, replayed } = seekTokenIntent(context, call, sought);
    if (replayed !== null) return { origin: { intentId, at: replayed.at }, tokens: before };
    const origin = { intentId, at: context.clock.now() };
    const { tokens, summary } = decide(present, origin);
    const { tokenId: actor } = call.principal;
    const mark = { ...origin, bodyHash, verb, actor, requestId: call.requestId, summary };
    const result = await context.committer.commit(planTokens(present, tokens, mark));
    if (result.kind === 'mismatch') throw new AppError('idempotency_mismatch');
    // An equal request elsewhere may have stored the intent first, at another time: the next round finds it.
    if (result.kind === 'committed' && (result.at ?? origin.at) === origin.at) return { origin, tokens };
  }
  throw new AppError('conflict', { message: 'The tokens of the endpoint are changed all the time. Try again.' });
}
