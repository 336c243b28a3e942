import type { Api, ServedModel } from '../dialect.ts';

/** `GET /v1/models`, with what else a person wants to know of a model. */
export const models: NonNullable<Api['models']> = {
  path: '/v1/models',
  list: (served) => ({ object: 'list', data: served.map(one) }),
  one,
};

function one(model: ServedModel): object {
  return {
    id: model.id,
    object: 'model',
    created: 0,
    owned_by: model.team,
    max_model_len: model.contextTokensMax,
    status: model.ready ? 'ready' : 'starting',
  };
}
