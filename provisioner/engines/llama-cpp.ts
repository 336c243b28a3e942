import { commonProfile, flagsOf, type EngineProfile } from './engine-profile.ts';

/**
 * llama.cpp's server (recorded with b11434). It has no metric of its KV cache, and goes on with a whole answer whose client has
 * left while another stream runs. It spreads layers over all GPUs by itself.
 */
export const llamaCpp: EngineProfile = {
  ...commonProfile,
  name: 'llama-cpp',
  version: 'b11434',
  image: (version, { maker }) => `ghcr.io/ggml-org/llama.cpp:server-${maker === 'amd' ? 'rocm' : 'cuda'}-${version}`,
  args: ({ port, model, weights, contextTokens, arguments: given }) => [
    '--host',
    '$(POD_IP)',
    '--port',
    String(port),
    ...('path' in weights ? ['--model', weights.path] : ['-hf', weights.repository]),
    '--alias',
    model,
    ...(contextTokens === undefined ? [] : ['--ctx-size', String(contextTokens)]),
    '--metrics',
    // Else each of so many requests would have its share of the context alone.
    ...(given.parallel === undefined ? [] : ['--kv-unified']),
    ...flagsOf(given),
  ],
  port: 8080,
  adapter: 'llama-cpp',
  metrics: { running: 'llamacpp:requests_processing', waiting: 'llamacpp:requests_deferred', kvUse: '' },
  weights: 'gguf',
  caches: { HOME: 'home', HF_HOME: 'huggingface', LLAMA_CACHE: 'llama.cpp' },
  user: 65_532,
  env: { apiKey: 'LLAMA_API_KEY' },
  shutdownFlag: null,
  // At SIGTERM its streams stand still. Those that run end with their next ping, 30 s later at most, and then it goes, too;
  // but as long as one waits in its queue it stays until SIGKILL.
  graceMsMax: 32_000,
  goesOnWithoutClient: true,
  startTimeoutMs: 1_800_000,
  kvBound: 'context',
  kvTokens: 131_072,
  contextTokensMax: 131_072,
};
