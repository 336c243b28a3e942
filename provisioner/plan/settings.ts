import type { ManifestSettings, PoolSecrets } from '../manifests/applied-spec.ts';

/** What deciders need to know beside the observed state; times in milliseconds. Derived from the configuration once. */
export interface PlanSettings {
  manifests: ManifestSettings;
  drainTimeoutMs: number;
  /** A change that is not proven after this long is rejected. */
  changeDeadlineMs: number;
  /** Requests of an endpoint with one replica are held at most for this long while it is exchanged; 0 = never. */
  holdMaxMs: number;
  /** A first deployment goes live with fewer replicas than asked for once it has waited this long for the rest. */
  minimumAfterMs: number;
  /** An active endpoint is proven again when its last proof is older than this; 0 = never. */
  reproveMs: number;
  /** Failed proofs in a row after which an active endpoint counts as lost, if the first is `lostAfterMs` ago. */
  reproveFailures: number;
  lostAfterMs: number;
  /** It counts as lost once it has failed for this long, however few answers that gave. */
  lostByMs: number;
  /** Domain under which endpoints have their host names. */
  hostDomain: string;
  /** Certificates in PEM that clients of private listeners should trust now. */
  caCertificates: () => readonly string[];
  /** API key of a pool's engines. */
  upstreamKeyOf: (pool: string) => string;
  /** Keys of the storage that weights come from; undefined where it is asked anonymously. */
  storageKeys?: PoolSecrets['storageKeys'];
  /** Secret that its routers salt prefix keys with. */
  prefixSaltOf: (pool: string) => string;
  /** Public key that a pool's probe credentials are checked with. */
  proofKeyOf: (pool: string) => string;
  /** Name of this provisioner in what it writes. */
  writer: string;
}
