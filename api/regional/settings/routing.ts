import { isDeepStrictEqual } from 'node:util';
import type { Routing } from '#shared/contract/desired.ts';
import { AppError } from '#shared/contract/errors.ts';
import type { RoutingReply, RoutingRequest } from '#shared/contract/parts.ts';
import { seekIntent } from '../endpoints/idempotency.ts';
import { requireMatch } from '../endpoints/if-match.ts';
import { planRouting } from '../endpoints/intents.ts';
import { readSpec } from '../endpoints/read-desired.ts';
import type { Answer, Call, RegionContext } from '../endpoints/region-context.ts';

/** Routing settings as they are to be, whole. */
export interface RoutingOrder {
  endpointId: string;
  ifMatch: string | undefined;
  request: RoutingRequest;
}

/** An endpoint's routing settings. @throws AppError `not_found`, also for another team's; `unavailable`. */
export async function getRouting(
  context: RegionContext,
  call: Call,
  endpointId: string,
): Promise<Answer<RoutingReply>> {
  const { spec, revision } = await readSpec(context, call, endpointId);
  return { status: 200, revision, body: replyOf(spec.routing) };
}

/**
 * Replaces an endpoint's routing settings; routers follow once the provisioner has taken the revision up.
 * @throws AppError `not_found`, `endpoint_deleting`, `version_mismatch`, `conflict`, `idempotency_mismatch`, `store_full`,
 * `overloaded`, `outcome_unknown`, `unavailable`.
 */
export async function putRouting(
  context: RegionContext,
  call: Call,
  { endpointId, ifMatch, request }: RoutingOrder,
): Promise<Answer<RoutingReply>> {
  const { committer, clock, keys } = context;
  const previous = await readSpec(context, call, endpointId);
  const { spec, revision } = previous;
  const bodyHash = keys.requestHash('routing', [endpointId, request]);
  const sought = seekIntent(context, call, { intents: spec.intents, revision, bodyHash });
  const routing = routingOf(request);
  if (sought.replayed !== null) return { status: 202, revision: sought.replayed.revision, body: replyOf(routing) };
  if (spec.deletion !== undefined) throw new AppError('endpoint_deleting');
  requireMatch(ifMatch, revision);
  if (isDeepStrictEqual(routing, spec.routing ?? {})) return { status: 202, revision, body: replyOf(routing) };
  committer.requireRoom();
  const intent = planRouting(previous, routing, {
    intentId: sought.intentId,
    bodyHash,
    at: clock.now(),
    verb: 'update',
    actor: call.principal.tokenId,
    requestId: call.requestId,
    summary: `routing: ${JSON.stringify(request)}`,
  });
  const result = await committer.commit(intent);
  if (result.kind === 'mismatch') throw new AppError('idempotency_mismatch');
  if (result.kind === 'moved') throw new AppError('conflict');
  return { status: 202, revision: result.revision, body: replyOf(routing) };
}

function routingOf(request: RoutingRequest): Routing {
  return withoutUndefined({
    policy: request.policy,
    sessionHeader: request.session_header,
    stripBillingBlock: request.strip_billing_block,
    reasonHeader: request.reason_header,
    choicesMax: request.choices_max,
    outputTokensMax: request.output_tokens_max,
  });
}

function replyOf(routing: Routing = {}): RoutingReply {
  return {
    routing: withoutUndefined({
      policy: routing.policy,
      session_header: routing.sessionHeader,
      strip_billing_block: routing.stripBillingBlock,
      reason_header: routing.reasonHeader,
      choices_max: routing.choicesMax,
      output_tokens_max: routing.outputTokensMax,
    }),
  };
}

function withoutUndefined<T extends object>(members: T): T {
  return Object.assign(
    {},
    ...Object.entries(members).map(([name, value]) => (value === undefined ? {} : { [name]: value })),
  );
}
