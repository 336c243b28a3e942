import type { GpuSize } from '#shared/contract/catalogue/catalog.ts';
import type { EngineArguments } from '#shared/contract/catalogue/engines.ts';
import type { EngineAdapterName } from '#shared/contract/replica.ts';

/** What one replica is started with. */
export interface EngineStart {
  port: number;
  gpus: number;
  /** Name that routers ask for the model by. */
  model: string;
  /** Where its weights are: a repository at Hugging Face, or a place in its own file system. */
  weights: { repository: string } | { path: string };
  /** Longest prompt and answer together; undefined leaves it to the model. */
  contextTokens: number | undefined;
  /** What the spec asks for beside it. */
  arguments: EngineArguments;
}

/** How one kind of engine is run and read: a new engine is a file of this folder. Times in milliseconds. */
export interface EngineProfile {
  name: string;
  /** What runs where the spec asks for no version. */
  version: string;
  /** The image of a version for a GPU. */
  image: (version: string, gpu: Pick<GpuSize, 'maker' | 'model'>) => string;
  /** What is started; left out, the image's own entry point. */
  command?: readonly string[];
  /** Flags; `$(NAME)` stands for an environment variable of the container. */
  args: (start: EngineStart) => string[];
  port: number;
  healthPath: string;
  /** Longest wait for an answer from there; some generate a token for it. */
  healthTimeoutMs: number;
  metricsPath: string;
  /** Who reads its metrics, and the names of the chief ones, for routers that do not know it. */
  adapter: EngineAdapterName;
  metrics: { running: string; waiting: string; kvUse: string };
  /**
   * The flag by which it publishes what its KV cache takes up and gives back, on `kvEventsPort` and `kvReplayPort`; null for
   * one that cannot. The events hold the tokens of prompts, and whoever reaches the ports may read them.
   */
  kvEvents: string | null;
  /** The form of weights that it reads; null for one that needs none. */
  weights: 'safetensors' | 'gguf' | null;
  /** Environment variables that name a folder, by the folder below the pod's cache volume; without any there is none. */
  caches: Readonly<Record<string, string>>;
  /** Other environment variables. */
  variables: Readonly<Record<string, string>>;
  /** Numeric user that its image runs as; null for an image that only runs as root, which `restricted` forbids. */
  user: number | null;
  /** Environment variables: of the engine's API key, and, where it has one, of the port that a kubelet may give. */
  env: { apiKey: string; port?: string };
  /**
   * The flag that gives running streams time after SIGTERM, and its unit in milliseconds; null for an engine that has
   * none. Without it engines differ: SGLang waits for its streams, llama.cpp lets them stand, vLLM leaves them open and silent.
   */
  shutdownFlag: { name: string; unitMs: number } | null;
  /** How much time after SIGTERM is of use to its streams; left out, as much as there is. */
  graceMsMax?: number;
  /** It goes on computing an answer whose client has left. */
  goesOnWithoutClient: boolean;
  /** It keeps what it caches apart by the body's member `cache_salt`. */
  saltsCache: boolean;
  startTimeoutMs: number;
  /** What bounds its KV cache: the memory that weights leave, the context it was started with, or nothing but itself. */
  kvBound: 'memory' | 'context' | 'itself';
  /** Tokens of KV cache, of one cache block and of the context, where the catalogue knows nothing of model or GPU. */
  kvTokens: number;
  blockTokens: number;
  contextTokensMax: number;
}

/** What all engines have in common so far. */
export const commonProfile = {
  healthPath: '/health',
  healthTimeoutMs: 1000,
  metricsPath: '/metrics',
  variables: {},
  kvEvents: null,
  blockTokens: 16,
  saltsCache: false,
} satisfies Partial<EngineProfile>;

/**
 * Seconds for which engines keep an idle connection. Routers close theirs after a few; whichever side is first, the other
 * may just be sending a request.
 */
export const keepAliveSeconds = '75';

/** Where KV events are published (ZeroMQ), and where those that were missed can be had again. */
export const kvEventsPort = 5557;
export const kvReplayPort = 5558;

/** Any other host than * is one to connect to. */
export const kvEndpoints = { endpoint: `tcp://*:${kvEventsPort}`, replay_endpoint: `tcp://*:${kvReplayPort}` };

/** The flags of what a spec asks for, which it names as the engine does. */
export function flagsOf(given: EngineArguments): string[] {
  return Object.entries(given).flatMap(([name, value]) => [`--${name.replaceAll('_', '-')}`, String(value)]);
}

/** The model as engines take it that read a repository and a folder alike. */
export function modelOf(weights: EngineStart['weights']): string {
  return 'path' in weights ? weights.path : weights.repository;
}
