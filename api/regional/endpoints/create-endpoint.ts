import type { RevisedSpec, SpecDocument } from '#shared/contract/desired.ts';
import { AppError } from '#shared/contract/errors.ts';
import type { CreateReply } from '#shared/contract/resource.ts';
import type { DryRunReply } from '#shared/contract/dry-run.ts';
import type { CreateOrder } from './create-order.ts';
import { dryRunAnswer } from './dry-run.ts';
import { keyedIds, keyGenerationsMax, keylessRetryMs } from './idempotency.ts';
import { buildFirstSpec, firstTokenName, planCreate, type CreateFacts } from './intents.ts';
import { keyHonouredMs } from './next-document.ts';
import { project } from './project.ts';
import { readAccessOf, readDesired, readName, type DesiredState } from './read-desired.ts';
import type { Answer, Call, RegionContext } from './region-context.ts';
import type { NewToken } from './region-keys.ts';

/** Longest summary of a mutation, characters. */
const summaryLengthMax = 500;

/** Rounds of "the name's state moved on meanwhile". */
const roundsMax = 4;

type CreateAnswer = Answer<CreateReply | DryRunReply>;

/** A create under way. */
interface Attempt {
  context: RegionContext;
  call: Call;
  order: CreateOrder;
  bodyHash: string;
}

/** With the token's value, which is shown and stored nowhere. */
type Facts = CreateFacts & { token: NewToken };

interface Ids {
  endpointId: string;
  intentId: string;
}

/**
 * Stores a new endpoint: name claim, spec and access with the first token, all or none; a dry run goes the same way up to
 * where it would be stored.
 * @throws AppError `unprocessable` for a VPC that is not the team's and when it has too many endpoints, `name_taken`,
 * `idempotency_mismatch`, `store_full`, `overloaded`, `outcome_unknown`, `unavailable`.
 */
export async function createEndpoint(context: RegionContext, call: Call, order: CreateOrder): Promise<CreateAnswer> {
  const attempt: Attempt = { context, call, order, bodyHash: context.keys.requestHash('create', order) };
  const sought = await seekIds(attempt);
  if ('body' in sought) return sought;
  const { ids, specSeq } = sought;
  requireVpc(context, call, order.vpcId ?? context.defaultVpcId);
  context.committer.requireRoom();
  const sealed = order.huggingFaceToken && (await context.keys.seal(order.huggingFaceToken, ids.endpointId));
  const facts = { ...factsOf(attempt, ids, context.clock.now()), sealedHuggingFaceToken: sealed || null };
  const spec = buildFirstSpec(order, facts);
  // Only ids that derive from a key can have been in use before.
  const access = call.idempotencyKey === undefined ? 0 : (await readAccessOf(context.desired, spec)).revision;
  for (let round = 0; round < roundsMax; round += 1) {
    const name = await readName(context.desired, call.principal.team, order.name);
    if (name.document?.kind === 'name') return answerHolder(attempt, ids, name.document.endpointId);
    requireEndpointRoom(context, call.principal.team);
    if (call.dryRun) return dryRunAnswer(context, spec, null);
    const result = await context.committer.commit(planCreate(spec, facts, { name, access, spec: specSeq }));
    if (result.kind === 'mismatch') throw new AppError('idempotency_mismatch');
    if (result.kind === 'committed') return committed(attempt, { facts, spec }, result);
    if (result.subject !== name.subject) return answerHolder(attempt, ids, ids.endpointId);
  }
  throw new AppError('conflict', { message: 'The name is claimed and released all the time. Try again.' });
}

/** @throws AppError `unprocessable` for a VPC that is not the team's; the log has a line of one that is another's. */
function requireVpc(
  { vpcs, log }: RegionContext,
  { principal: { team, tokenId }, requestId }: Call,
  vpcId: string,
): void {
  const problem = vpcs.problem(vpcId, team);
  if (problem === null) return;
  if (vpcs.mayExist(vpcId)) log.warn({ requestId, tokenId, team, vpcId }, 'vpc.foreign');
  throw new AppError('unprocessable', { problems: [problem] });
}

/** Those that other processes are storing at this moment are not counted yet. @throws AppError `unprocessable`. */
function requireEndpointRoom({ view, committer, endpointsMax }: RegionContext, team: string): void {
  const present = view.countOf(team);
  if (present < endpointsMax) return;
  committer.countRefusal('endpoints_max');
  const message = `The team has ${present} endpoints, and no more than ${endpointsMax} are possible here. Delete one, or ask the operator.`;
  throw new AppError('unprocessable', { message });
}

/** An equal request elsewhere may have stored the intent first: then its time counts, and what derives from it. */
function committed(
  attempt: Attempt,
  { facts, spec }: { facts: Facts; spec: SpecDocument },
  { revision, at }: { revision: number; at: number | null },
): CreateAnswer {
  if (at === null) return replyOf(attempt, facts, { spec, revision });
  const stored = factsOf(attempt, { ...facts.mark, endpointId: facts.endpointId }, at);
  return replyOf(attempt, stored, { spec: buildFirstSpec(attempt.order, stored), revision });
}

/** New ids, or the answer that the same Idempotency-Key got before. */
async function seekIds(attempt: Attempt): Promise<{ ids: Ids; specSeq: number } | CreateAnswer> {
  const { context, call } = attempt;
  if (call.idempotencyKey === undefined)
    return { ids: { endpointId: context.newId(), intentId: context.newId() }, specSeq: 0 };
  for (let generation = 0; generation < keyGenerationsMax; generation += 1) {
    const ids = keyedIds(context, call.principal.team, { key: call.idempotencyKey, generation });
    const found = await readDesired(context.desired, ids.endpointId);
    if (found.document === null) return { ids, specSeq: found.revision };
    const since = found.document.kind === 'spec' ? found.document.createdAt : found.document.deletedAt;
    if (context.clock.now() - Date.parse(since) >= keyHonouredMs) continue;
    return replayKeyed(attempt, ids, found);
  }
  throw new AppError('idempotency_mismatch', { message: 'This Idempotency-Key is used up. Send a new one.' });
}

function replayKeyed(attempt: Attempt, ids: Ids, { document, revision }: DesiredState): CreateAnswer {
  if (document?.kind !== 'spec')
    throw new AppError('endpoint_deleting', {
      message: 'The endpoint that was created with this Idempotency-Key has been deleted. Send a new key.',
      details: { id: ids.endpointId },
    });
  const entry = document.intents.find(({ intentId }) => intentId === ids.intentId);
  if (entry === undefined || entry.bodyHash !== attempt.bodyHash) throw new AppError('idempotency_mismatch');
  return replay(attempt, ids, { spec: document, revision });
}

/** The name has a holder: ourselves in an earlier attempt, an equal request without a key, or somebody else. */
async function answerHolder(attempt: Attempt, ids: Ids, holderId: string): Promise<CreateAnswer> {
  const found = await readDesired(attempt.context.desired, holderId);
  if (holderId === ids.endpointId) {
    if (found.document === null) throw new AppError('conflict');
    return replayKeyed(attempt, ids, found);
  }
  const spec = found.document?.kind === 'spec' ? found.document : undefined;
  const first = spec?.intents[0];
  if (spec !== undefined && first !== undefined && isRetry(attempt, spec))
    return replay(attempt, { endpointId: holderId, intentId: first.intentId }, { spec, revision: found.revision });
  throw new AppError('name_taken', {
    message: `The name ${attempt.order.name} belongs to endpoint ${holderId}${spec?.deletion ? ', which is being deleted' : ''}.`,
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
function replay(attempt: Attempt, ids: Ids, stored: RevisedSpec): CreateAnswer {
  const entry = stored.spec.intents.find(({ intentId }) => intentId === ids.intentId);
  const facts = { ...factsOf(attempt, ids, entry?.at ?? 0), defaultVpcId: stored.spec.vpcId };
  const spec = buildFirstSpec(attempt.order, facts);
  return replyOf(attempt, facts, { spec, revision: entry?.revision ?? stored.revision });
}

function factsOf({ context, call, bodyHash, order }: Attempt, { endpointId, intentId }: Ids, at: number): Facts {
  const summary = `created ${order.name} with ${order.deployments.map(({ slug }) => slug).join(', ')}`;
  return {
    mark: {
      intentId,
      bodyHash,
      at,
      verb: 'create',
      actor: call.principal.tokenId,
      requestId: call.requestId,
      summary: summary.slice(0, summaryLengthMax),
    },
    endpointId,
    team: call.principal.team,
    region: context.region,
    defaultVpcId: context.defaultVpcId,
    hostDomain: context.hostDomain,
    partId: (part) => context.keys.derivedId(`${part}\0${intentId}`),
    token: context.keys.firstToken({ intentId, at }),
    sealedHuggingFaceToken: null,
  };
}

function replyOf({ context, call }: Attempt, { token }: Facts, revised: RevisedSpec): CreateAnswer {
  if (call.dryRun) return dryRunAnswer(context, revised.spec, { ...revised, status: null });
  const { tokenId: id, value } = token;
  return {
    status: 202,
    revision: revised.revision,
    body: {
      dedicated_inference: project(revised, null, context.address),
      token: { id, name: firstTokenName, value, is_managed: true, created_at: revised.spec.createdAt },
    },
  };
}
