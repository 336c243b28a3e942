import { times, type EngineAdapter } from './engine-adapter.ts';

/**
 * TensorRT-LLM's own server, which says this at `/prometheus/metrics` where it is told to; source: NVIDIA/TensorRT-LLM,
 * tensorrt_llm/metrics/collector.py, at 050f80de.
 */
export const trtllmServe: EngineAdapter = {
  read: (samples) => {
    const [hits, misses] = [
      samples.sum('trtllm_kv_cache_reused_blocks_total'),
      samples.sum('trtllm_kv_cache_missed_blocks_total'),
    ];
    const tokens = samples.sum('trtllm_kv_cache_tokens_per_block');
    return {
      running: samples.sum('trtllm_num_requests_running'),
      waiting: samples.sum('trtllm_num_requests_waiting'),
      kvUse: samples.share('trtllm_kv_cache_utilization'),
      kvTokens: times(samples.sum('trtllm_kv_cache_max_blocks'), tokens),
      cacheQueries: hits === undefined || misses === undefined ? undefined : times(hits + misses, tokens),
      cacheHits: times(hits, tokens),
      processStart: samples.single('process_start_time_seconds'),
    };
  },
};
