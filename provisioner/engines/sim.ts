import type { EngineProfile } from './engine-profile.ts';
import { vllm } from './vllm.ts';

/** The simulated model server: no weights, no GPU; its shapes and sizes are vLLM's. */
export const sim: EngineProfile = {
  ...vllm,
  name: 'sim',
  version: '1',
  image: (version) => `fairway/sim:${version}`,
  args: ({ model, contextTokens }) => [
    '--host',
    '$(POD_IP)',
    '--model',
    model,
    ...(contextTokens === undefined ? [] : ['--max-model-len', String(contextTokens)]),
  ],
  weights: null,
  caches: {},
  variables: {},
  user: 65_532,
  env: { apiKey: 'FAIRWAY_SIM_API_KEY', port: 'FAIRWAY_SIM_PORT' },
  shutdownFlag: { name: '--drain-timeout-ms', unitMs: 1 },
  startTimeoutMs: 60_000,
  kvBound: 'itself',
};
