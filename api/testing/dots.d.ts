import type { FetchRequestAdapter } from '@microsoft/kiota-http-fetchlibrary';

/**
 * What tests use of DigitalOcean's TypeScript client. The package brings its sources instead of declarations, and they do
 * not pass this project's compiler settings.
 */
interface Paged {
  queryParameters?: { page?: number; perPage?: number; slug?: string };
}

/** The body of a create or a change, in the client's own names. */
export interface Change {
  spec: object;
  accessTokens?: object;
}

interface Item {
  get(): Promise<unknown>;
  patch(body: Change): Promise<unknown>;
  delete(): Promise<void>;
  ca: { get(): Promise<unknown> };
  accelerators: {
    get(options?: Paged): Promise<unknown>;
    byAccelerator_id(id: string): { get(): Promise<unknown> };
  };
  tokens: {
    get(options?: Paged): Promise<unknown>;
    post(body: { name: string }): Promise<unknown>;
    byToken_id(id: string): { delete(): Promise<void> };
  };
}

interface DedicatedInferences {
  get(options?: Paged): Promise<unknown>;
  post(body: Change): Promise<unknown>;
  byDedicated_inference_id(id: string): Item;
  sizes: { get(): Promise<unknown> };
  gpuModelConfig: { get(): Promise<unknown> };
}

export declare class DigitalOceanApiKeyAuthenticationProvider {
  constructor(apiKey: string);
  authenticateRequest(): Promise<void>;
}

export declare function createDigitalOceanClient(adapter: FetchRequestAdapter): {
  v2: { dedicatedInferences: DedicatedInferences };
};
