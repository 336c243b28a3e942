import { AppError } from '#shared/contract/errors.ts';
import type { PoolDocument, PoolReplica } from '#shared/contract/replica.ts';
import type { Caller } from '../access/authenticate.ts';
import type { ServedModel } from '../dialects/dialect.ts';
import { engineNameOf, namesOf, type PoolDirectory } from '../edge/pool-directory.ts';

/** What a caller may ask for, answered from pools and never by asking replicas. */
export function modelsOf(pools: PoolDirectory, caller: Caller, isServing: (pool: string) => boolean): ServedModel[] {
  return poolsOf(pools, caller).flatMap((pool) => {
    const { pool: id, team, engine, createdAt, routing, deleting } = pool;
    const status = deleting === true ? 'deleting' : isServing(id) ? 'ready' : 'starting';
    return allowedOf(pool, caller).map((name) => ({
      id: name,
      team,
      root: engineNameOf(pool, name),
      ...(pool.adapters?.includes(name) === true && { parent: engineNameOf(pool, undefined) }),
      createdAt: Date.parse(createdAt ?? '') || 0,
      contextTokensMax: engine.contextTokensMax,
      outputTokensMax: routing?.outputTokensMax,
      status,
    }));
  });
}

/**
 * The pool that serves the model which a request asks for.
 * @throws AppError `model_not_found`, naming what may be asked for; `model_not_allowed` for one that the token may not use;
 * `endpoint_starting` while the endpoint has no pool at all, `endpoint_not_active` once it is being deleted.
 */
export function choosePool(
  pools: PoolDirectory,
  caller: Caller,
  { model, param }: { model: string | undefined; param: string },
): PoolDocument {
  const all = poolsOf(pools, caller);
  const allowed = all.flatMap((pool) => allowedOf(pool, caller));
  if (all.length === 0) throw new AppError('endpoint_starting', { retryAfterMs: 5000 });
  if (model === undefined)
    throw new AppError('invalid_body', { message: `Name a model; this token may use ${allowed.join(', ')}.`, param });
  const pool = all.find((one) => namesOf(one).includes(model));
  if (pool === undefined) throw modelNotFound(model, allowed, param);
  if (!allowed.includes(model)) {
    const message = `This token may not use the model "${model}", only: ${allowed.join(', ')}.`;
    throw new AppError('model_not_allowed', { message, param });
  }
  if (pool.deleting === true) throw new AppError('endpoint_not_active', { message: 'The endpoint is being deleted.' });
  return pool;
}

/** The pool of a replica, if the caller may use a model of it. */
export function poolOfReplica(
  pools: PoolDirectory,
  caller: Caller,
  isIt: (replica: PoolReplica) => boolean,
): PoolDocument | undefined {
  return poolsOf(pools, caller).find((pool) => allowedOf(pool, caller).length > 0 && pool.replicas.some(isIt));
}

/** The error for a model that the endpoint does not have. */
export function modelNotFound(model: string, allowed: readonly string[], param: string): AppError {
  const message = `The model "${model.slice(0, 200)}" is not served here. You may ask for: ${allowed.join(', ')}.`;
  return new AppError('model_not_found', { message, param });
}

function poolsOf(pools: PoolDirectory, caller: Caller): readonly PoolDocument[] {
  return caller.kind === 'proof' ? [caller.pool] : pools.ofEndpoint(caller.endpointId);
}

function allowedOf(pool: PoolDocument, caller: Caller): string[] {
  const { models } = caller.kind === 'token' ? caller : {};
  return namesOf(pool).filter((name) => models === undefined || models.includes(name));
}
