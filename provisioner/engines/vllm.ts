import { commonProfile, type EngineProfile } from './engine-profile.ts';

/**
 * vLLM. Its shutdown flag is there since 0.18; recorded with 0.32.0. Nothing answers while the weights are loaded, so the
 * start takes its time.
 */
export const vllm: EngineProfile = {
  ...commonProfile,
  name: 'vllm',
  image: 'vllm/vllm-openai:v0.32.0',
  minimumVersion: '0.18.0',
  port: 8000,
  metrics: {
    running: 'vllm:num_requests_running',
    waiting: 'vllm:num_requests_waiting',
    kvUse: 'vllm:kv_cache_usage_perc',
  },
  args: [
    '--host=$(POD_IP)',
    '--port={port}',
    '--model={weights}',
    '--served-model-name={model}',
    '--tensor-parallel-size={gpus}',
    // Without it no answer says how many of its tokens were cached.
    '--enable-prompt-tokens-details',
  ],
  downloadsWeights: true,
  caches: { HF_HOME: 'huggingface', VLLM_CACHE_ROOT: 'vllm' },
  // The official image runs as root: its caches and torch's compiler look the user up in /etc/passwd.
  user: null,
  env: { apiKey: 'VLLM_API_KEY' },
  shutdownFlag: { name: '--shutdown-timeout', unitMs: 1000 },
  goesOnWithoutClient: false,
  saltsCache: true,
  startTimeoutMs: 1_800_000,
  kvTokens: 970_000,
  contextTokensMax: 262_144,
};
