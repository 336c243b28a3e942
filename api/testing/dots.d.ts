import type { FetchRequestAdapter } from '@microsoft/kiota-http-fetchlibrary';

/**
 * What tests use of DigitalOcean's TypeScript client. The package brings its sources instead of declarations, and they do
 * not pass this project's compiler settings.
 */
interface Paged {
  queryParameters?: { page?: number; perPage?: number; region?: string; slug?: string };
}

interface Token {
  id?: string;
  name?: string;
  value?: string;
  isManaged?: boolean;
  createdAt?: Date;
}

interface Spec {
  version?: number;
  name?: string;
  region?: string;
  enablePublicEndpoint?: boolean;
  vpc?: { uuid?: string };
  modelDeployments?: {
    modelId?: string;
    modelSlug?: string;
    modelProvider?: string;
    accelerators?: { acceleratorSlug?: string; scale?: number; type?: string; status?: string }[];
    additionalData?: Record<string, unknown>;
  }[];
}

export interface DedicatedInference {
  id?: string;
  status?: string;
  region?: string;
  vpcUuid?: string;
  spec?: Spec;
  pendingDeploymentSpec?: Spec & { status?: string };
  endpoints?: { publicEndpointFqdn?: string; privateEndpointFqdn?: string };
  createdAt?: Date;
}

interface Change {
  spec: Spec;
  accessTokens?: { additionalData?: Record<string, unknown>; huggingFaceToken?: string };
}

interface Accelerator {
  id?: string;
  slug?: string;
  role?: string;
  status?: string;
}

interface Item {
  get(): Promise<{ dedicatedInference?: DedicatedInference }>;
  patch(body: Change): Promise<{ dedicatedInference?: DedicatedInference }>;
  delete(): Promise<void>;
  ca: { get(): Promise<{ cert?: string }> };
  accelerators: {
    get(options?: Paged): Promise<{ accelerators?: Accelerator[]; meta?: { total?: number } }>;
    byAccelerator_id(id: string): { get(): Promise<Accelerator> };
  };
  tokens: {
    get(options?: Paged): Promise<{ tokens?: Token[]; meta?: { total?: number } }>;
    post(body: { name: string }): Promise<{ token?: Token }>;
    byToken_id(id: string): { delete(): Promise<void> };
  };
}

export interface DedicatedInferences {
  get(
    options?: Paged,
  ): Promise<{ dedicatedInferences?: DedicatedInference[]; links?: { pages?: object }; meta?: { total?: number } }>;
  post(body: Change): Promise<{ dedicatedInference?: DedicatedInference; token?: Token }>;
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
