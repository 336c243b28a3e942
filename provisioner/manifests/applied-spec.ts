import type { EngineChoice } from '../engines/engine-choice.ts';
import type { WeightChoice } from '../engines/weights.ts';
import type { ModelDeployment, Routing, SpecDocument } from '#shared/contract/desired.ts';

/** What the objects of an endpoint are made from: a spec and its revision, or the live spec under a newer revision. */
export interface AppliedSpec {
  endpointId: string;
  team: string;
  vpcId: string;
  version: number;
  name: string;
  enablePublicEndpoint: boolean;
  deployments: readonly ModelDeployment[];
  /** When the endpoint was created. */
  createdAt: string;
  routing?: Routing;
  /** Stream sequence of the newest spec that was taken up, whichever spec is applied: the fence's number. */
  intentSeq: number;
}

/** Settings that shape objects; times in milliseconds. */
export interface ManifestSettings {
  /** Grace of pods between SIGTERM and SIGKILL, at least the longest stream. */
  graceMs: number;
  /** Which engine serves a deployment. */
  engineOf: EngineChoice;
  /** Where it gets its weights. */
  weightsOf: WeightChoice;
  storage: ObjectStorage;
  /** Engines that can publish what their KV caches hold, to what runs in the system namespace. */
  kvEvents: boolean;
  /** Label of nodes that has the slug of their GPU size as its value; null where nodes have none. */
  sizeLabel: string | null;
  /** Time between the mark for deletion and SIGTERM: routers have dropped the replica by then. */
  preStopMs: number;
}

/** Where weights lie that come from S3-compatible storage. */
export interface ObjectStorage {
  endpoint: string;
  region: string;
  /** The network that it is in (CIDR); null for a public address. */
  network: string | null;
}

/** What is secret of one pool; goes into Secrets and pool documents, nowhere else. */
export interface PoolSecrets {
  upstreamKey: string;
  huggingFaceToken?: string | undefined;
  /** Of the storage that its weights come from; without them that is asked anonymously. */
  storageKeys?: { keyId: string; secret: string } | undefined;
}

/** The spec as it is applied. */
export function appliedSpec(spec: SpecDocument, revision: number): AppliedSpec {
  const { endpointId, team, vpcId, version, name, enablePublicEndpoint, deployments, createdAt, routing } = spec;
  return {
    endpointId,
    team,
    vpcId,
    version,
    name,
    enablePublicEndpoint,
    deployments,
    createdAt,
    ...(routing !== undefined && { routing }),
    intentSeq: revision,
  };
}
