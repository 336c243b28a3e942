import { AppError } from '#shared/contract/errors.ts';
import type { PoolDocument } from '#shared/contract/replica.ts';
import type { Caller } from '../access/authenticate.ts';
import type { ServedModel } from '../dialects/dialect.ts';
import type { PoolDirectory } from '../edge/pool-directory.ts';
import type { ScanProblem } from '../scan/scanned-body.ts';
import type { ScanQueue } from '../scan/scan-queue.ts';
import { Scanner } from '../scan/scanner.ts';
import { probeBytesMax, type InferenceRequest } from './inference-request.ts';
import { readBody, type BodyLimits } from './request-body.ts';

/**
 * Reads and scans a body, piece by piece, and finds the pool that it is for; a body that cannot be routed is refused as soon
 * as that is known.
 * @throws AppError for a body that is too long, too slow, not JSON or ambiguous, or for a model that is not served;
 * BodyAbortedError when the client leaves.
 */
export async function readRequest(
  request: InferenceRequest,
  caller: Caller,
  { limits, pools, scans }: { limits: BodyLimits; pools: PoolDirectory; scans: ScanQueue },
): Promise<void> {
  const { incoming, body, dialect } = request;
  assertJson(incoming.headers['content-type'], incoming.headers['content-encoding']);
  using scanning = scans.open(new Scanner(dialect.body), body);
  const grown = (): void => {
    scanning.grown();
    if (scanning.problem !== undefined) throw problemOf(scanning.problem);
  };
  body.belongTo(caller.endpointId);
  const bytesMax = caller.kind === 'proof' ? Math.min(probeBytesMax, limits.bytesMax) : limits.bytesMax;
  await readBody(incoming, { ...limits, bytesMax }, { body, grown });
  const scan = await scanning.end();
  if (!scan.ok) throw problemOf(scan);
  const pool = choosePool(pools, caller, { model: scan.model, param: dialect.modelField });
  request.accept(scan, { caller, pool });
}

/** The models of an endpoint, answered from its pools and never by asking replicas. */
export function modelsOf(
  pools: PoolDirectory,
  endpointId: string,
  isServing: (pool: string) => boolean,
): ServedModel[] {
  return pools.ofEndpoint(endpointId).flatMap(({ pool, models, team, engine }) => {
    const ready = isServing(pool);
    return models.map((id) => ({ id, team, contextTokensMax: engine.contextTokensMax, ready }));
  });
}

/**
 * The pool that serves the model which a request asks for.
 * @throws AppError `model_not_found`, naming what may be asked for; `no_replica` while the endpoint has no pool at all.
 */
function choosePool(
  pools: PoolDirectory,
  caller: Caller,
  { model, param }: { model: string | undefined; param: string },
): PoolDocument {
  const allowed = caller.kind === 'proof' ? caller.pool.models : pools.models(caller.endpointId);
  if (allowed.length === 0)
    throw new AppError('no_replica', { message: 'The endpoint is not ready yet.', retryAfterMs: 5000 });
  if (model === undefined)
    throw new AppError('invalid_body', {
      message: `Name a model; this endpoint has ${allowed.join(', ')}.`,
      param,
    });
  const pool = caller.kind === 'proof' ? caller.pool : pools.byModel(caller.endpointId, model);
  if (pool === undefined || !allowed.includes(model)) throw modelNotFound(model, allowed, param);
  return pool;
}

/** The error for a model that the endpoint does not have. */
export function modelNotFound(model: string, served: readonly string[], param: string): AppError {
  const message = `The model "${model.slice(0, 200)}" is not served here. This endpoint has: ${served.join(', ')}.`;
  return new AppError('model_not_found', { message, param });
}

function assertJson(type: string | undefined, encoding: string | undefined): void {
  const isJson = type === undefined || /^application\/(.+\+)?json\s*(;|$)/i.test(type);
  const isPlain = encoding === undefined || /^\s*(identity)?\s*$/i.test(encoding);
  if (!isJson || !isPlain) throw new AppError('unsupported_media_type');
}

function problemOf({ code, at: place, key }: ScanProblem): AppError {
  const at = `at byte ${place}`;
  const param = key === undefined ? {} : { param: key };
  switch (code) {
    case 'duplicate_key':
      return new AppError('ambiguous_body', { message: `"${key}" is repeated ${at}.`, ...param });
    case 'escaped_key':
      return new AppError('ambiguous_body', { message: `"${key}" is spelled with escapes ${at}.`, ...param });
    case 'wrong_type':
      return new AppError('invalid_body', { message: `"${key}" has a value of the wrong type ${at}.`, ...param });
    case 'out_of_range':
      return new AppError('invalid_body', {
        message: `"${key}" is out of range ${at}: send a whole number that the API allows.`,
        ...param,
      });
    case 'too_deep':
      return new AppError('invalid_body', { message: `The body is nested too deeply ${at}.` });
    case 'not_an_object':
      return new AppError('invalid_body', { message: 'The body is JSON, but not an object.' });
    case 'invalid_json':
      return new AppError('invalid_body', { message: `The body is not JSON: it breaks ${at}.` });
  }
}
