import type { PoolDirectory } from '../edge/pool-directory.ts';

/** One model as OpenAI's clients list it, with what else a person wants to know. */
export interface ListedModel {
  readonly id: string;
  readonly object: 'model';
  readonly created: number;
  readonly owned_by: string;
  readonly max_model_len: number;
  /** Whether a replica can take a request now. */
  readonly status: 'ready' | 'starting';
}

/** The models of an endpoint, answered from its pools and never by asking replicas. */
export function listModels(pools: PoolDirectory, endpointId: string): ListedModel[] {
  return pools.ofEndpoint(endpointId).flatMap((pool) =>
    pool.models.map((id): ListedModel => ({
      id,
      object: 'model',
      created: 0,
      owned_by: pool.team,
      max_model_len: pool.engine.contextTokensMax,
      status: pool.replicas.some(({ state }) => state === 'ready') ? 'ready' : 'starting',
    })),
  );
}
