/** How one kind of engine is run and read, as data: a new engine is a file of this folder. Times in milliseconds. */
export interface EngineProfile {
  name: string;
  image: string;
  /** The oldest version that drains and reports as this profile says; the image must not be older. */
  minimumVersion: string;
  port: number;
  healthPath: string;
  metricsPath: string;
  metrics: { running: string; waiting: string; kvUse: string };
  /**
   * Start flags. `{port}` and `{gpus}` stand for the pod's own, `{weights}` for the repository that the model comes from,
   * `{model}` for the name that routers ask for it by.
   */
  args: readonly string[];
  /** It gets its weights from Hugging Face when it starts: its pods may go out for them. */
  downloadsWeights: boolean;
  /** Environment variables that name a folder, by the folder below the pod's cache volume; without any there is none. */
  caches: Readonly<Record<string, string>>;
  /** Numeric user that its image runs as; null for an image that only runs as root, which `restricted` forbids. */
  user: number | null;
  /** Environment variables: of the engine's API key, and, where it has one, of the port that a kubelet may give. */
  env: { apiKey: string; port?: string };
  /**
   * The flag that gives running streams time after SIGTERM, and its unit in milliseconds; null for an engine that has
   * none. Without it engines differ: some end at once, vLLM leaves its streams open and silent.
   */
  shutdownFlag: { name: string; unitMs: number } | null;
  /** It goes on computing an answer whose client has left. */
  goesOnWithoutClient: boolean;
  /** It keeps what it caches apart by the body's member `cache_salt`. */
  saltsCache: boolean;
  startTimeoutMs: number;
  /** Tokens of KV cache and of one cache block; the router's mirror of a replica's cache has this size. */
  kvTokens: number;
  blockTokens: number;
  contextTokensMax: number;
}

/** What all engines have in common so far. */
export const commonProfile = {
  healthPath: '/health',
  metricsPath: '/metrics',
  blockTokens: 16,
  saltsCache: false,
} satisfies Partial<EngineProfile>;
