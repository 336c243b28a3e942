import type { IntentEntry, WrittenAccess } from '#shared/contract/desired.ts';
import { subjects } from '#shared/contract/subjects.ts';
import type { PreparedIntent } from '../commit/commit-intent.ts';
import { keylessRetryMs, seekIntent, type SoughtCall } from '../endpoints/idempotency.ts';
import { nextDocument, type IntentMark } from '../endpoints/next-document.ts';
import type { Call, RegionContext } from '../endpoints/region-context.ts';
import type { EndpointAccess } from './read-access.ts';

/** The next access of an endpoint, with other tokens. */
export function planTokens(
  { access, stored, revision }: EndpointAccess,
  tokens: WrittenAccess['tokens'],
  mark: IntentMark,
): PreparedIntent<WrittenAccess> {
  const subject = subjects.access(access.vpcId, access.endpointId);
  return nextDocument({ document: stored, revision }, { subject, content: { ...access, tokens } }, mark);
}

/**
 * The intent of a change of tokens: new, or one that is remembered. Without an Idempotency-Key an equal change by the same
 * API token within ten minutes is taken for a retry as long as `stands` says that its effect is still there.
 * @throws AppError `idempotency_mismatch` when the key was used with another body.
 */
export function seekTokenIntent(
  context: RegionContext,
  call: Call,
  {
    access,
    revision,
    bodyHash,
    stands,
  }: EndpointAccess & { bodyHash: string; stands: (entry: IntentEntry) => boolean },
): SoughtCall {
  const { intents } = access;
  if (call.idempotencyKey !== undefined) return seekIntent(context, call, { intents, revision, bodyHash });
  const equal = intents.findLast(
    (entry) =>
      entry.bodyHash === bodyHash &&
      entry.actor === call.principal.tokenId &&
      context.clock.now() - entry.at < keylessRetryMs,
  );
  if (equal === undefined || !stands(equal)) return { intentId: context.newId(), replayed: null };
  return { intentId: equal.intentId, replayed: { revision: equal.revision ?? revision, at: equal.at } };
}
