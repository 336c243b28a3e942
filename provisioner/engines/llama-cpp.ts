import { commonProfile, type EngineProfile } from './engine-profile.ts';

/**
 * llama.cpp's server (recorded with b11434). It ends running streams after SIGTERM, has no metric of its KV cache, and goes
 * on with a whole answer whose client has left while another stream runs.
 */
export const llamaCpp: EngineProfile = {
  ...commonProfile,
  name: 'llama-cpp',
  image: 'ghcr.io/ggml-org/llama.cpp:server-cuda-b11434',
  minimumVersion: 'b11434',
  port: 8080,
  metrics: { running: 'llamacpp:requests_processing', waiting: 'llamacpp:requests_deferred', kvUse: '' },
  args: ['--host', '$(POD_IP)', '--port', '{port}', '-hf', '{weights}', '--alias', '{model}', '--metrics'],
  downloadsWeights: true,
  caches: { HOME: 'home', HF_HOME: 'huggingface', LLAMA_CACHE: 'llama.cpp' },
  user: 65_532,
  env: { apiKey: 'LLAMA_API_KEY' },
  shutdownFlag: null,
  goesOnWithoutClient: true,
  startTimeoutMs: 1_800_000,
  kvTokens: 131_072,
  contextTokensMax: 131_072,
};
