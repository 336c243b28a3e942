import { createDigitalOceanClient, DigitalOceanApiKeyAuthenticationProvider, type Change } from '@digitalocean/dots';
import { FetchRequestAdapter } from '@microsoft/kiota-http-fetchlibrary';
import { alphaToken } from '../regional/testing/region-fixture.ts';
import type { ApiClient, ClientOperation } from './api-client.ts';

/** DigitalOcean's TypeScript client. Its decoder knows no lists of text: sizes and GPU model configurations end in an error. */
export function dotsClient(url: string): ApiClient {
  const adapter = new FetchRequestAdapter(new DigitalOceanApiKeyAuthenticationProvider(alphaToken));
  adapter.baseUrl = url;
  const api = createDigitalOceanClient(adapter).v2.dedicatedInferences;
  const item = (id: string) => api.byDedicated_inference_id(id);
  const queryParameters = { page: 1, perPage: 200 };
  const calls: Record<ClientOperation, (first: string, second: string) => Promise<unknown>> = {
    create: (body) => api.post(changeOf(body)),
    update: (id, body) => item(id).patch(changeOf(body)),
    list: () => api.get({ queryParameters }),
    get: (id) => item(id).get(),
    delete: (id) => item(id).delete(),
    accelerators: (id, slug) =>
      item(id).accelerators.get({ queryParameters: { ...queryParameters, ...(slug !== '' && { slug }) } }),
    accelerator: (id, accelerator) => item(id).accelerators.byAccelerator_id(accelerator).get(),
    ca: (id) => item(id).ca.get(),
    tokens: (id) => item(id).tokens.get({ queryParameters }),
    'create-token': (id, name) => item(id).tokens.post({ name }),
    'revoke-token': (id, token) => item(id).tokens.byToken_id(token).delete(),
    sizes: () => api.sizes.get(),
    'gpu-model-config': () => api.gpuModelConfig.get(),
  };
  return {
    lacks: [],
    run: async (operation, first = '', second = '') => JSON.stringify((await calls[operation](first, second)) ?? null),
  };
}

/** A body of the wire in the client's own names. */
function changeOf(body: string): Change {
  return JSON.parse(body, (_key, value: unknown) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [camelOf(key), inner]))
      : value,
  );
}

function camelOf(name: string): string {
  return name.replaceAll(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase());
}
