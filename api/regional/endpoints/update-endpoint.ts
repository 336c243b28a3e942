import type { PatchRequest } from '#shared/contract/deployment.ts';
import type { DryRunReply } from '#shared/contract/dry-run.ts';
import type { DedicatedInference } from '#shared/contract/resource.ts';
import type { RevisedSpec, SpecDocument } from '#shared/contract/desired.ts';
import { AppError } from '#shared/contract/errors.ts';
import type { SpecContent } from '#shared/contract/spec-changes.ts';
import type { Answer, Call, RegionContext } from './region-context.ts';
import { keylessRetryMs, seekIntent } from './idempotency.ts';
import { dryRunAnswer } from './dry-run.ts';
import { requireMatch } from './if-match.ts';
import { planUpdate, type NameMove } from './intents.ts';
import { huggingFaceTokenOf, type CreateOrder } from './create-order.ts';
import { changeSpec } from './spec-change.ts';
import { isRejected, readPresent, requireNonePending, shownSpec, unprocessable, type Present } from './present.ts';
import { project } from './project.ts';
import { readName } from './read-desired.ts';

/** A change as asked for. */
export interface UpdateOrder {
  endpointId: string;
  ifMatch: string | undefined;
  request: PatchRequest;
}

type ResourceAnswer = Answer<{ dedicated_inference: DedicatedInference } | DryRunReply>;

/**
 * Changes an endpoint: name, models, accelerators, replica counts, Hugging Face token; all of it or nothing. A dry run goes
 * the same way up to where it would be stored.
 * @throws AppError `not_found`, `endpoint_deleting`, `version_mismatch`, `forbidden` while another change is pending and no
 * If-Match says that it may be superseded, `conflict`, `name_taken`, `unprocessable`, `idempotency_mismatch`, `store_full`,
 * `overloaded`, `outcome_unknown`, `unavailable`.
 */
export async function updateEndpoint(context: RegionContext, call: Call, order: UpdateOrder): Promise<ResourceAnswer> {
  const { committer, clock, keys } = context;
  const present = await readPresent(context, call, order.endpointId);
  const bodyHash = keys.requestHash('update', [order.endpointId, order.request]);
  const { spec, revision } = present;
  const sought = seekIntent(context, call, { intents: spec.intents, revision, bodyHash });
  const again = sought.replayed !== null || isRetry(context, call, { ...present, bodyHash });
  const partId = (part: string): string => keys.derivedId(`${part}\0${sought.intentId}`);
  const decided = again ? null : decide(order, present, partId);
  if (decided === null)
    return call.dryRun
      ? dryRunAnswer(context, spec, present)
      : answerWith(context, present, sought.replayed?.revision ?? revision);
  committer.requireRoom();
  const { content, token, scaled } = decided;
  const move = content.name === spec.name ? null : await moveName(context, spec, content.name);
  const secret = token === null ? undefined : await keys.seal(token, spec.endpointId);
  const next = { ...content, ...(secret !== undefined && { sealedHuggingFaceToken: secret }) };
  const intent = planUpdate(
    { spec, revision },
    { next, move },
    {
      intentId: sought.intentId,
      bodyHash,
      at: clock.now(),
      verb: scaled ? 'scale' : 'update',
      actor: call.principal.tokenId,
      requestId: call.requestId,
      summary: summaryOf(spec, next),
    },
  );
  if (call.dryRun) return dryRunAnswer(context, intent.carrier.body, present);
  const result = await committer.commit(intent);
  if (result.kind === 'mismatch') throw new AppError('idempotency_mismatch');
  if (result.kind === 'moved') throw new AppError('conflict');
  const revised = { spec: intent.carrier.body, revision: result.revision };
  return answerWith(context, revised, result.revision);
}

/** The same request of the same API token once more, and nothing else since: its first answer was lost. */
function isRetry(
  { clock }: RegionContext,
  call: Call,
  { spec, revision, status, bodyHash }: Present & { bodyHash: string },
): boolean {
  const last = spec.intents.at(-1);
  if (last === undefined || call.idempotencyKey !== undefined || isRejected(revision, status)) return false;
  const equal = last.bodyHash === bodyHash && last.actor === call.principal.tokenId;
  return equal && clock.now() - last.at < keylessRetryMs;
}

/** What is to be stored, or null when nothing changes. @throws AppError for what cannot be accepted. */
function decide(
  { request, ifMatch }: UpdateOrder,
  { spec, revision, status }: Present,
  partId: (part: string) => string,
): { content: SpecContent; token: CreateOrder['huggingFaceToken']; scaled: boolean } | null {
  if (spec.deletion !== undefined) throw new AppError('endpoint_deleting');
  requireMatch(ifMatch, revision);
  const change = changeSpec(request, shownSpec({ spec, revision, status }), partId);
  if ('problems' in change) throw unprocessable(change.problems);
  requireVersion(request.spec?.version ?? 0, [spec.version, status?.live?.version ?? spec.version]);
  const token = huggingFaceTokenOf(request);
  if (change.kinds.size === 0 && token === null) return null;
  requireNonePending({ spec, revision, status }, ifMatch);
  const scaled = token === null && [...change.kinds].every((kind) => kind === 'scale');
  return { content: change.content, token, scaled };
}

/** @throws AppError `conflict` for a version that is neither 0, nor a present one, nor the next after it. */
function requireVersion(version: number, present: readonly number[]): void {
  if (version === 0 || present.some((one) => version === one || version === one + 1)) return;
  throw new AppError('conflict', {
    message: `The spec stands at version ${present[0]}, not at ${version}. Read it again, then decide.`,
    details: { version: present[0] },
  });
}

/** @throws AppError `name_taken` when another endpoint of the team has the name. */
async function moveName({ desired }: RegionContext, spec: SpecDocument, name: string): Promise<NameMove> {
  const [claim, old] = await Promise.all([readName(desired, spec.team, name), readName(desired, spec.team, spec.name)]);
  if (claim.document?.kind === 'name')
    throw new AppError('name_taken', {
      message: `The name ${name} belongs to endpoint ${claim.document.endpointId}.`,
      details: { id: claim.document.endpointId },
    });
  const own = old.document?.kind === 'name' && old.document.endpointId === spec.endpointId;
  return { claim, old: own ? old : null };
}

function summaryOf(before: SpecDocument, after: SpecContent & { sealedHuggingFaceToken?: unknown }): string {
  const models = after.deployments
    .map(
      ({ slug, accelerators }) =>
        `${slug}: ${accelerators.map(({ scale, slug: size }) => `${scale} ${size}`).join('+')}`,
    )
    .join(', ');
  const renamed = before.name === after.name ? '' : `renamed to ${after.name}; `;
  const token = after.sealedHuggingFaceToken === undefined ? '' : 'a new Hugging Face token; ';
  return `${renamed}${token}${models}`.slice(0, 500);
}

/** The resource as it is now, under the revision that the answer is about. */
async function answerWith(context: RegionContext, revised: RevisedSpec, revision: number): Promise<ResourceAnswer> {
  const status = await context.view.readStatus(revised.spec.endpointId);
  return {
    status: 202,
    revision,
    body: { dedicated_inference: { ...project(revised, status, context.address), revision } },
  };
}
