import type { EngineAdapter } from './engine-adapter.ts';
import type { Samples } from './samples.ts';

/** Ranks of one tensor or pipeline repeat each other's figures; series of one priority are parts of that without. */
const perRank = { of: 'dp_rank', where: { priority: '' } };

/** SGLang; source: sgl-project/sglang, python/sglang/srt/observability/metrics_collector.py, at 016d8605. */
export const sglang: EngineAdapter = {
  read: (samples) => ({
    running: samples.sum('sglang:num_running_reqs', perRank),
    waiting: samples.sum('sglang:num_queue_reqs', perRank),
    kvUse: samples.share('sglang:token_usage', perRank),
    kvTokens: samples.sum('sglang:max_total_num_tokens', perRank) ?? pages(samples),
    cacheQueries: samples.sum('sglang:prompt_tokens_total'),
    cacheHits: samples.sum('sglang:cached_tokens_total'),
    preemptions: samples.sum('sglang:num_retracted_requests_total', perRank),
    processStart: samples.single('process_start_time_seconds'),
  }),
};

/** Before 0.5.11 the sizes are labels. */
function pages(samples: Samples): number | undefined {
  const ranks = new Map(
    samples.of('sglang:cache_config_info').map(({ labels }) => {
      const tokens = Number(labels.get('num_pages')) * Number(labels.get('page_size'));
      return [labels.get('dp_rank') ?? '', tokens] as const;
    }),
  );
  const sum = [...ranks.values()].reduce((a, b) => a + b, 0);
  return sum > 0 ? sum : undefined;
}
