import type { EngineAdapter } from './engine-adapter.ts';
import type { Samples } from './samples.ts';

const running = 'sglang:num_running_reqs';
const waiting = 'sglang:num_queue_reqs';
const kvUse = 'sglang:token_usage';
const kvTokens = 'sglang:max_total_num_tokens';
const cacheConfig = 'sglang:cache_config_info';
const queries = 'sglang:prompt_tokens_total';
const hits = 'sglang:cached_tokens_total';
const preemptions = 'sglang:num_retracted_requests_total';
const processStart = 'process_start_time_seconds';

/** Ranks of one tensor or pipeline repeat each other's figures; series of one priority are parts of that without. */
const perRank = { of: 'dp_rank', where: { priority: '' } };

/** SGLang; source: sgl-project/sglang, python/sglang/srt/observability/metrics_collector.py, at 016d8605. */
export const sglang: EngineAdapter = {
  names: [running, waiting, kvUse, kvTokens, cacheConfig, queries, hits, preemptions, processStart],
  read: (samples) => ({
    running: samples.sum(running, perRank),
    waiting: samples.sum(waiting, perRank),
    kvUse: samples.share(kvUse, perRank),
    kvTokens: samples.sum(kvTokens, perRank) ?? pages(samples),
    cacheQueries: samples.sum(queries),
    cacheHits: samples.sum(hits),
    preemptions: samples.sum(preemptions, perRank),
    processStart: samples.single(processStart),
  }),
};

/** Before 0.5.11 the sizes are labels. */
function pages(samples: Samples): number | undefined {
  const ranks = new Map(
    samples.of(cacheConfig).map(({ labels }) => {
      const tokens = Number(labels.get('num_pages')) * Number(labels.get('page_size'));
      return [labels.get('dp_rank') ?? '', tokens] as const;
    }),
  );
  const sum = [...ranks.values()].reduce((a, b) => a + b, 0);
  return sum > 0 ? sum : undefined;
}
