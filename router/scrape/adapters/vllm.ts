import type { EngineAdapter, Figures } from './engine-adapter.ts';
import type { Samples } from './samples.ts';

/** The second of each is its name up to 0.11; source: vllm-project/vllm, vllm/v1/metrics/loggers.py, changes 18354 and 29330. */
const kvUse = ['vllm:kv_cache_usage_perc', 'vllm:gpu_cache_usage_perc'];
const queries = ['vllm:prefix_cache_queries_total', 'vllm:gpu_prefix_cache_queries_total'];
const hits = ['vllm:prefix_cache_hits_total', 'vllm:gpu_prefix_cache_hits_total'];

/** vLLM, recorded with 0.32.0, and what has its names: label `engine` is a data-parallel rank, which has a cache of its own. */
export const vllm: EngineAdapter = {
  read: (samples) => ({
    running: samples.sum('vllm:num_requests_running'),
    waiting: samples.sum('vllm:num_requests_waiting'),
    kvUse: samples.share(kvUse),
    kvTokens: kvTokens(samples),
    cacheQueries: samples.sum(queries),
    cacheHits: samples.sum(hits),
    preemptions: samples.sum('vllm:num_preemptions_total'),
    processStart: samples.single('process_start_time_seconds'),
    ...residentAdapters(samples),
  }),
};

/** The tokens that it says itself (0.32), else blocks times tokens of each. */
function kvTokens(samples: Samples): number | undefined {
  const sizes = samples.of('vllm:cache_config_info').map(({ labels }) => {
    const said = Number(labels.get('kv_cache_size_tokens'));
    return said > 0 ? said : Number(labels.get('num_gpu_blocks')) * Number(labels.get('block_size'));
  });
  const sum = sizes.reduce((a, b) => a + b, 0);
  return sum > 0 ? sum : undefined;
}

/** Routers tell each other of adapters: more of them, or longer names, are unknown. */
const [namesMax, nameLengthMax] = [1000, 256] as const;

/** The value of each series is when it was written, and old ones stay: the newest is what is. */
function residentAdapters(samples: Samples): Figures {
  const newest = samples.of('vllm:lora_requests_info').toSorted((a, b) => b.value - a.value)[0];
  if (newest === undefined) return {};
  const max = Number(newest.labels.get('max_lora'));
  const names = (newest.labels.get('running_lora_adapters') ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  const isKnown = names.length <= namesMax && names.every((name) => name.length <= nameLengthMax);
  return { residentAdapters: isKnown ? names : undefined, residentAdaptersMax: max > 0 ? max : undefined };
}
