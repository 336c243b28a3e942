import type { PatchRequest } from '#shared/contract/deployment.ts';
import type { DedicatedInference } from '#shared/contract/resource.ts';
import { intentsMax, type ModelDeployment, type RevisedSpec } from '#shared/contract/desired.ts';
import { AppError } from '#shared/contract/errors.ts';
import type { Answer, Call, RegionContext } from './region-context.ts';
import { seekIntent } from './idempotency.ts';
import { requireMatch } from './if-match.ts';
import { planScale } from './intents.ts';
import { pickScales } from './pick-scales.ts';
import { project } from './project.ts';
import { readSpec } from './read-desired.ts';

/** A change as asked for. */
export interface ScaleOrder {
  endpointId: string;
  ifMatch: string | undefined;
  request: PatchRequest;
}

type ResourceAnswer = Answer<{ dedicated_inference: DedicatedInference }>;

/**
 * Changes the replica counts of an endpoint; nothing else can be changed in this version.
 * @throws AppError `not_found`, `endpoint_deleting`, `version_mismatch`, `conflict`, `unprocessable`,
 * `idempotency_mismatch`, `store_full`, `overloaded`, `outcome_unknown`, `unavailable`.
 */
export async function scaleEndpoint(context: RegionContext, call: Call, order: ScaleOrder): Promise<ResourceAnswer> {
  const previous = await readSpec(context.desired, order.endpointId, call.principal.team);
  const bodyHash = context.keys.requestHash('scale', [order.endpointId, order.request]);
  const sought = seekIntent(context, call, { ...previous, intents: previous.spec.intents, bodyHash });
  if (sought.replayed !== null) return answerWith(context, previous, sought.replayed.revision);
  const deployments = decide(order, previous);
  if (deployments === null) return answerWith(context, previous, previous.revision);
  context.committer.requireRoom();
  if (previous.spec.intents.length >= intentsMax)
    await context.auditor.settle({ document: previous.spec, revision: previous.revision });
  const intent = planScale(previous, deployments, {
    intentId: sought.intentId,
    bodyHash,
    at: context.clock.now(),
    verb: 'scale',
    actor: call.principal.tokenId,
    requestId: call.requestId,
    summary: `scaled to ${deployments.map(scalesOf).join(', ')}`,
  });
  const result = await context.committer.commit(intent);
  if (result.kind === 'mismatch') throw new AppError('idempotency_mismatch');
  if (result.kind === 'moved') throw new AppError('conflict');
  const revised = { spec: intent.carrier.body, revision: result.revision };
  context.auditor.tell({ document: revised.spec, revision: result.revision });
  return answerWith(context, revised, result.revision);
}

/** The new deployments, or null when nothing changes. @throws AppError for what cannot be accepted. */
function decide(
  { request, ifMatch }: ScaleOrder,
  { spec, revision }: RevisedSpec,
): RevisedSpec['spec']['deployments'] | null {
  if (spec.deletion !== undefined) throw new AppError('endpoint_deleting');
  requireMatch(ifMatch, revision);
  const version = request.spec?.version ?? 0;
  if (![0, spec.version, spec.version + 1].includes(version))
    throw new AppError('conflict', {
      message: `The spec stands at version ${spec.version}, not at ${version}. Read it again, then decide.`,
      details: { version: spec.version },
    });
  const pick = pickScales(request, spec);
  if ('problems' in pick) {
    const [first] = pick.problems;
    throw new AppError('unprocessable', {
      ...(first && { message: `${first.path} ${first.message}.` }),
      problems: pick.problems,
    });
  }
  return pick.changed ? pick.deployments : null;
}

function scalesOf({ slug, accelerators }: ModelDeployment): string {
  return `${slug}: ${accelerators.map(({ scale }) => scale).join('+')}`;
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
