import { isDeepStrictEqual } from 'node:util';
import type { EngineSettings, SpecDocument } from '#shared/contract/desired.ts';
import type { DryRunReply } from '#shared/contract/dry-run.ts';
import { AppError } from '#shared/contract/errors.ts';
import type { EngineRequest } from '#shared/contract/parts.ts';
import { dryRunAnswer } from '../endpoints/dry-run.ts';
import { engineProblems } from './engine-problems.ts';
import { seekIntent } from '../endpoints/idempotency.ts';
import { requireMatch } from '../endpoints/if-match.ts';
import { planUpdate } from '../endpoints/intents.ts';
import { readPresent, requireNonePending, shownSpec, unprocessable } from '../endpoints/present.ts';
import type { Answer, Call, RegionContext } from '../endpoints/region-context.ts';

/** Engine settings as they are to be, whole. */
export interface EngineOrder {
  endpointId: string;
  ifMatch: string | undefined;
  request: EngineRequest;
}

/** The engine settings of an endpoint's models. @throws AppError `not_found`, also for another team's; `unavailable`. */
export async function getEngine(
  context: RegionContext,
  call: Call,
  endpointId: string,
): Promise<Answer<EngineRequest>> {
  const present = await readPresent(context, call, endpointId);
  return { status: 200, revision: present.revision, body: replyOf(shownSpec(present)) };
}

/**
 * Replaces the engine settings of all models of an endpoint. Replicas of a model for which anything changes are replaced, as
 * by a change of its accelerators; a dry run goes the same way up to where it would be stored.
 * @throws AppError `not_found`, `endpoint_deleting`, `version_mismatch`, `forbidden` while another change is pending and no
 * If-Match says that it may be superseded, `unprocessable`, `conflict`, `idempotency_mismatch`, `store_full`, `overloaded`,
 * `outcome_unknown`, `unavailable`.
 */
export async function putEngine(
  context: RegionContext,
  call: Call,
  { endpointId, ifMatch, request }: EngineOrder,
): Promise<Answer<EngineRequest | DryRunReply>> {
  const { committer, clock, keys } = context;
  const present = await readPresent(context, call, endpointId);
  const { spec, revision } = present;
  const bodyHash = keys.requestHash('engine', [endpointId, request]);
  const sought = seekIntent(context, call, { intents: spec.intents, revision, bodyHash });
  const shown = shownSpec(present);
  const next = { ...shown, deployments: shown.deployments.map((model) => withEngine(model, request)) };
  const answer = (at: number): Answer<EngineRequest | DryRunReply> =>
    call.dryRun ? dryRunAnswer(context, spec, present) : { status: 202, revision: at, body: replyOf(next) };
  if (sought.replayed !== null) return answer(sought.replayed.revision);
  if (spec.deletion !== undefined) throw new AppError('endpoint_deleting');
  requireMatch(ifMatch, revision);
  const problems = engineProblems(request, shown);
  if (problems.length > 0) throw unprocessable(problems);
  if (isDeepStrictEqual(next, shown)) return answer(revision);
  requireNonePending(present, ifMatch);
  committer.requireRoom();
  const intent = planUpdate(
    { spec, revision },
    { next, move: null },
    {
      intentId: sought.intentId,
      bodyHash,
      at: clock.now(),
      verb: 'update',
      actor: call.principal.tokenId,
      requestId: call.requestId,
      summary: `engine: ${JSON.stringify(request)}`.slice(0, 500),
    },
  );
  if (call.dryRun) return dryRunAnswer(context, intent.carrier.body, present);
  const result = await committer.commit(intent);
  if (result.kind === 'mismatch') throw new AppError('idempotency_mismatch');
  if (result.kind === 'moved') throw new AppError('conflict');
  return answer(result.revision);
}

type Model = SpecDocument['deployments'][number];

function withEngine({ engine: _before, ...model }: Model, { engines }: EngineRequest): Model {
  const asked = engines.find(({ model_id: id }) => id === model.modelId);
  const given = asked?.arguments ?? {};
  const engine: EngineSettings = {
    ...(asked?.engine !== undefined && { engine: asked.engine }),
    ...(asked?.version !== undefined && { version: asked.version }),
    ...(asked?.context_tokens !== undefined && { contextTokens: asked.context_tokens }),
    ...(Object.keys(given).length > 0 && { arguments: given }),
  };
  return Object.keys(engine).length === 0 ? model : { ...model, engine };
}

function replyOf({ deployments }: SpecDocument): EngineRequest {
  const engines = deployments.flatMap(({ modelId, engine }) => {
    if (engine === undefined) return [];
    const { contextTokens, ...rest } = engine;
    return [{ model_id: modelId, ...rest, ...(contextTokens !== undefined && { context_tokens: contextTokens }) }];
  });
  return { engines };
}
