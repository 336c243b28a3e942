import {
  commonProfile,
  flagsOf,
  keepAliveSeconds,
  kvEndpoints,
  modelOf,
  type EngineProfile,
} from './engine-profile.ts';

/**
 * SGLang, by the source of 0.5.23; the images are the newest that were seen in use for both makers. After SIGTERM it
 * waits for its streams for as long as it is let, and says 503 at `/health`, which is the path to ask: `/v1/models` answers
 * before the engine is warm. `/health` generates a token when nothing else runs, and looks for its answer once a second.
 */
export const sglang: EngineProfile = {
  ...commonProfile,
  name: 'sglang',
  version: '0.5.20',
  image: (version, { maker, model }) =>
    `lmsysorg/sglang:v${version}${maker === 'amd' ? `-rocm10-${model.includes('MI35') ? 'mi35x' : 'mi30x'}` : ''}`,
  // The image's entry point is NVIDIA's, which starts a shell.
  command: ['python3', '-m', 'sglang.launch_server'],
  args: ({ port, gpus, model, weights, contextTokens, arguments: given }) => [
    '--host=$(POD_IP)',
    `--port=${port}`,
    `--model-path=${modelOf(weights)}`,
    `--served-model-name=${model}`,
    `--tp-size=${gpus}`,
    ...(contextTokens === undefined ? [] : [`--context-length=${contextTokens}`]),
    // It reads its key from the command line alone.
    '--api-key=$(SGLANG_API_KEY)',
    '--enable-metrics',
    // Without it no answer says how many of its tokens were cached.
    '--enable-cache-report',
    ...flagsOf(given),
  ],
  port: 30_000,
  healthTimeoutMs: 5000,
  adapter: 'sglang',
  metrics: { running: 'sglang:num_running_reqs', waiting: 'sglang:num_queue_reqs', kvUse: 'sglang:token_usage' },
  kvEvents: `--kv-events-config=${JSON.stringify({ publisher: 'zmq', ...kvEndpoints })}`,
  weights: 'safetensors',
  caches: { HF_HOME: 'huggingface', SGLANG_CACHE_DIR: 'sglang' },
  variables: { SGLANG_TIMEOUT_KEEP_ALIVE: keepAliveSeconds },
  // Like vLLM's, its image runs as root.
  user: null,
  env: { apiKey: 'SGLANG_API_KEY' },
  shutdownFlag: null,
  goesOnWithoutClient: false,
  saltsCache: true,
  startTimeoutMs: 1_800_000,
  kvBound: 'memory',
  kvTokens: 970_000,
  contextTokensMax: 262_144,
};
