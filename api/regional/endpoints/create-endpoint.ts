import { requireScope } from '../../http/authenticate.ts';
import type { CreateReply } from '#shared/contract/deployment.ts';
import type { RevisedSpec, SpecDocument } from '#shared/contract/desired.ts';
import { AppError } from '#shared/contract/errors.ts';
import { formatToken } from '#shared/runtime/access-token.ts';
import { keyedBytes, keyedHash } from '#shared/runtime/keyed-hash.ts';
import { seal } from '#shared/runtime/seal.ts';
import { derivedId, type Answer, type Call, type RegionContext } from './region-context.ts';
import type { CreateOrder } from './create-order.ts';
import { hashRequest, keyedIds, keyGenerationsMax } from './idempotency.ts';
import { buildFirstSpec, keyHonouredMs, planCreate, type CreateFacts } from './intents.ts';
import { project } from './project.ts';
import { readDesired, readName } from './read-desired.ts';
import { recordMutation } from './record-mutation.ts';

/** Within this time an equal POST without a key is taken for a retry: doctl, DoTs and pydo retry like that. */
const keylessRetryMs = 10 * 60 * 1000;

/** Rounds of "the name's state moved on meanwhile". */
const roundsMax = 4;

/** A create under way. */
interface Attempt {
  context: RegionContext;
  call: Call;
  order: CreateOrder;
  bodyHash: string;
}

interface Ids {
  endpointId: string;
  intentId: string;
}

/**
 * Stores a new endpoint: name claim, spec and access with the first token, all or none.
 * @throws AppError `name_taken`, `idempotency_mismatch`, `store_full`, `overloaded`, `outcome_unknown`, `unavailable`.
 */
export async function createEndpoint(
  context: RegionContext,
  call: Call,
  order: CreateOrder,
): Promise<Answer<CreateReply>> {
  requireScope(call.principal, 'dedicated_inference:create');
  const attempt: Attempt = { context, call, order, bodyHash: hashRequest(context, 'create', order) };
  const ids = await seekIds(attempt);
  if ('body' in ids) return ids;
  context.committer.requireRoom();
  const secret = order.huggingFaceToken;
  const sealed = secret === null ? null : await seal(secret, ids.endpointId, context.sealPublicKey);
  const facts = factsOf(attempt, ids, { at: context.clock.now(), sealed });
  const spec = buildFirstSpec(order, facts);
  for (let round = 0; round < roundsMax; round += 1) {
    const name = await readName(context.desired, call.principal.team, order.name);
    if (name.document?.kind === 'name') return answerHolder(attempt, ids, name.document.endpointId);
    const result = await context.committer.commit(planCreate(spec, facts, name));
    if (result.kind === 'mismatch') throw new AppError('idempotency_mismatch');
    if (result.kind === 'committed') return committed(attempt, facts, result);
    if (result.subject !== name.subject) return answerHolder(attempt, ids, ids.endpointId);
  }
  throw new AppError('conflict', { message: 'The name is claimed and released all the time. Try again.' });
}

function committed(
  attempt: Attempt,
  facts: CreateFacts,
  result: { revision: number; at: number | null },
): Answer<CreateReply> {
  const mark = { ...facts.mark, at: result.at ?? facts.mark.at };
  const spec = buildFirstSpec(attempt.order, { ...facts, mark });
  recordMutation(attempt.context, attempt.call, {
    action: 'create',
    revised: { spec, revision: result.revision },
    mark,
    summary: `created ${spec.name} with ${spec.deployments.map(({ slug }) => slug).join(', ')}`,
  });
  return replyOf(attempt, spec, result.revision);
}

/** New ids, or the answer that the same Idempotency-Key got before. */
async function seekIds(attempt: Attempt): Promise<Ids | Answer<CreateReply>> {
  const { context, call } = attempt;
  if (call.idempotencyKey === undefined) return { endpointId: context.newId(), intentId: context.newId() };
  for (let generation = 0; generation < keyGenerationsMax; generation += 1) {
    const ids = keyedIds(context, call.principal.team, { key: call.idempotencyKey, generation });
    const found = await readDesired(context.desired, ids.endpointId);
    if (found === null) return ids;
    const since = found.document.kind === 'spec' ? found.document.createdAt : found.document.deletedAt;
    if (context.clock.now() - Date.parse(since) >= keyHonouredMs) continue;
    return replayKeyed(attempt, ids, found);
  }
  throw new AppError('idempotency_mismatch', { message: 'This Idempotency-Key is used up. Send a new one.' });
}

function replayKeyed(
  attempt: Attempt,
  ids: Ids,
  { document, revision }: NonNullable<Awaited<ReturnType<typeof readDesired>>>,
): Answer<CreateReply> {
  if (document.kind === 'tombstone')
    throw new AppError('endpoint_deleting', {
      message: 'The endpoint that was created with this Idempotency-Key has been deleted. Send a new key.',
      details: { id: ids.endpointId },
    });
  const entry = document.intents.find(({ intentId }) => intentId === ids.intentId);
  if (entry === undefined || entry.bodyHash !== attempt.bodyHash) throw new AppError('idempotency_mismatch');
  return replay(attempt, ids, { spec: document, revision });
}

/** The name has a holder: ourselves in an earlier attempt, an equal request without a key, or somebody else. */
async function answerHolder(attempt: Attempt, ids: Ids, holderId: string): Promise<Answer<CreateReply>> {
  const found = await readDesired(attempt.context.desired, holderId);
  if (holderId === ids.endpointId) {
    if (found === null) throw new AppError('conflict');
    return replayKeyed(attempt, ids, found);
  }
  if (found?.document.kind === 'spec' && isRetry(attempt, found.document)) {
    const [first] = found.document.intents;
    if (first !== undefined) {
      const same = { endpointId: holderId, intentId: first.intentId };
      return replay(attempt, same, { spec: found.document, revision: found.revision });
    }
  }
  const deleting = found?.document.kind === 'spec' && found.document.deletion !== undefined;
  throw new AppError('name_taken', {
    message: `The name ${attempt.order.name} belongs to endpoint ${holderId}${deleting ? ', which is being deleted' : ''}.`,
    details: { id: holderId },
  });
}

function isRetry({ context, call, bodyHash }: Attempt, spec: SpecDocument): boolean {
  const [first, ...more] = spec.intents;
  return (
    call.idempotencyKey === undefined &&
    first?.bodyHash === bodyHash &&
    more.length === 0 &&
    spec.createdBy === call.principal.tokenId &&
    context.clock.now() - first.at < keylessRetryMs
  );
}

/** The first answer again, byte for byte: everything in it derives from the order and the stored intent. */
function replay(attempt: Attempt, ids: Ids, stored: RevisedSpec): Answer<CreateReply> {
  const entry = stored.spec.intents.find(({ intentId }) => intentId === ids.intentId);
  const facts = factsOf(attempt, ids, { at: entry?.at ?? 0, sealed: null });
  const defaultVpcId = stored.spec.vpcId;
  return replyOf(
    attempt,
    buildFirstSpec(attempt.order, { ...facts, defaultVpcId }),
    entry?.revision ?? stored.revision,
  );
}

function factsOf(
  { context, call, bodyHash }: Attempt,
  { endpointId, intentId }: Ids,
  { at, sealed }: { at: number; sealed: CreateFacts['sealedHuggingFaceToken'] },
): CreateFacts {
  return {
    mark: { intentId, bodyHash, at, actor: call.principal.tokenId },
    endpointId,
    team: call.principal.team,
    region: context.region,
    defaultVpcId: context.defaultVpcId,
    hostDomain: context.hostDomain,
    partId: (part) => derivedId(context, `${part}\0${intentId}`),
    token: {
      ...firstToken(context, intentId),
      hash: keyedHash(context.keys.tokenHash, firstTokenValue(context, intentId)),
    },
    sealedHuggingFaceToken: sealed,
  };
}

function firstToken(context: RegionContext, intentId: string): { tokenId: string; name: string } {
  return { tokenId: derivedId(context, `token\0${intentId}`), name: 'auto-generated-during-provisioning' };
}

/** The same intent gets the same token again, at every process, without its value being stored anywhere. */
function firstTokenValue({ keys }: RegionContext, intentId: string): string {
  return formatToken('access', keyedBytes(keys.firstToken, intentId));
}

function replyOf({ context }: Attempt, spec: SpecDocument, revision: number): Answer<CreateReply> {
  const intentId = spec.intents[0]?.intentId ?? '';
  const { tokenId, name } = firstToken(context, intentId);
  return {
    status: 202,
    revision,
    body: {
      dedicated_inference: project({ spec, revision }, null, context.address),
      token: {
        id: tokenId,
        name,
        value: firstTokenValue(context, intentId),
        is_managed: true,
        created_at: spec.createdAt,
      },
    },
  };
}
