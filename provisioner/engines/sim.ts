import type { EngineProfile } from './engine-profile.ts';

/** The simulated model server: no weights, no GPU; its shapes are vLLM's. */
export const sim: EngineProfile = {
  name: 'sim',
  image: 'fairway/sim:1',
  minimumVersion: '1',
  port: 8000,
  healthPath: '/health',
  metricsPath: '/metrics',
  metrics: {
    running: 'vllm:num_requests_running',
    waiting: 'vllm:num_requests_waiting',
    kvUse: 'vllm:kv_cache_usage_perc',
  },
  args: ['--host', '$(POD_IP)', '--model', '{model}'],
  env: { apiKey: 'FAIRWAY_SIM_API_KEY', port: 'FAIRWAY_SIM_PORT' },
  shutdownFlag: { name: '--drain-timeout-ms', unitMs: 1 },
  goesOnWithoutClient: false,
  startTimeoutMs: 60_000,
  kvTokens: 970_000,
  blockTokens: 16,
  contextTokensMax: 262_144,
};
