import {
  commonProfile,
  flagsOf,
  keepAliveSeconds,
  kvEndpoints,
  modelOf,
  type EngineProfile,
} from './engine-profile.ts';

/**
 * vLLM; recorded with 0.32.0. Nothing answers while the weights are loaded, so the start takes its time. Its prefix cache
 * is on by itself.
 */
export const vllm: EngineProfile = {
  ...commonProfile,
  name: 'vllm',
  version: '0.32.0',
  image: (version, { maker }) => `vllm/vllm-openai${maker === 'amd' ? '-rocm' : ''}:v${version}`,
  args: ({ port, gpus, model, weights, contextTokens, arguments: given }) => [
    // The official images begin with `vllm serve` (Dockerfile and Dockerfile.rocm of 0.18.0 and of 0.32.0), which takes the model
    // first and calls `--model` deprecated.
    modelOf(weights),
    '--host=$(POD_IP)',
    `--port=${port}`,
    `--served-model-name=${model}`,
    `--tensor-parallel-size=${gpus}`,
    ...(contextTokens === undefined ? [] : [`--max-model-len=${contextTokens}`]),
    // Without it no answer says how many of its tokens were cached.
    '--enable-prompt-tokens-details',
    // Images come inside of requests: addresses in them would be fetched from inside the cluster.
    '--allowed-media-domains=none.invalid',
    // A parser alone finds no call that the model makes by itself.
    ...(given.tool_call_parser === undefined ? [] : ['--enable-auto-tool-choice']),
    ...flagsOf(given),
  ],
  port: 8000,
  adapter: 'vllm',
  metrics: {
    running: 'vllm:num_requests_running',
    waiting: 'vllm:num_requests_waiting',
    kvUse: 'vllm:kv_cache_usage_perc',
  },
  kvEvents: `--kv-events-config=${JSON.stringify({ enable_kv_cache_events: true, publisher: 'zmq', ...kvEndpoints })}`,
  weights: 'safetensors',
  caches: { HF_HOME: 'huggingface', VLLM_CACHE_ROOT: 'vllm' },
  variables: {
    VLLM_HTTP_TIMEOUT_KEEP_ALIVE: keepAliveSeconds,
    VLLM_MEDIA_URL_ALLOW_REDIRECTS: '0',
    VLLM_NO_USAGE_STATS: '1',
  },
  // The official image runs as root: its caches and torch's compiler look the user up in /etc/passwd.
  user: null,
  env: { apiKey: 'VLLM_API_KEY' },
  // There since 0.18.
  shutdownFlag: { name: '--shutdown-timeout', unitMs: 1000 },
  goesOnWithoutClient: false,
  saltsCache: true,
  startTimeoutMs: 1_800_000,
  kvBound: 'memory',
  kvTokens: 970_000,
  contextTokensMax: 262_144,
};
