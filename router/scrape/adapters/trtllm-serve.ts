import { times, type EngineAdapter } from './engine-adapter.ts';

const running = 'trtllm_num_requests_running';
const waiting = 'trtllm_num_requests_waiting';
const kvUse = 'trtllm_kv_cache_utilization';
const blocks = 'trtllm_kv_cache_max_blocks';
const blockTokens = 'trtllm_kv_cache_tokens_per_block';
const reused = 'trtllm_kv_cache_reused_blocks_total';
const missed = 'trtllm_kv_cache_missed_blocks_total';
const processStart = 'process_start_time_seconds';

/**
 * TensorRT-LLM's own server, which says this at `/prometheus/metrics` where it is told to; source: NVIDIA/TensorRT-LLM,
 * tensorrt_llm/metrics/collector.py, at 050f80de.
 */
export const trtllmServe: EngineAdapter = {
  names: [running, waiting, kvUse, blocks, blockTokens, reused, missed, processStart],
  read: (samples) => {
    const [hits, misses] = [samples.sum(reused), samples.sum(missed)];
    const tokens = samples.sum(blockTokens);
    return {
      running: samples.sum(running),
      waiting: samples.sum(waiting),
      kvUse: samples.share(kvUse),
      kvTokens: times(samples.sum(blocks), tokens),
      cacheQueries: hits === undefined || misses === undefined ? undefined : times(hits + misses, tokens),
      cacheHits: times(hits, tokens),
      processStart: samples.single(processStart),
    };
  },
};
