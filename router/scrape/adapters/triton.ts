import { times, type EngineAdapter } from './engine-adapter.ts';
import type { Samples } from './samples.ts';

const requests = 'nv_trt_llm_request_metrics';
const blocks = 'nv_trt_llm_kv_cache_block_metrics';

/**
 * Triton, with TensorRT-LLM as its backend or with any other; source: the text in triton-inference-server/tensorrtllm_backend,
 * README.md, Triton Metrics. Of other backends only the queue is known: `nv_inference_exec_count` counts all that ever ran.
 */
export const triton: EngineAdapter = {
  read: (samples) => ({
    running: samples.sum(requests, { where: { request_type: 'scheduled' } }),
    waiting:
      samples.sum(requests, { where: { request_type: 'waiting' } }) ??
      samples.sum('nv_inference_pending_request_count'),
    kvUse: kvUse(samples),
    kvTokens: times(blocksOf(samples, 'max'), blocksOf(samples, 'tokens_per')),
  }),
};

function kvUse(samples: Samples): number | undefined {
  const said = samples.share(blocks, { where: { kv_cache_block_type: 'fraction' } });
  const [used, max] = [blocksOf(samples, 'used'), blocksOf(samples, 'max')];
  if (said !== undefined || used === undefined || max === undefined) return said;
  return used <= max && max > 0 ? used / max : undefined;
}

function blocksOf(samples: Samples, type: string): number | undefined {
  return samples.sum(blocks, { where: { kv_cache_block_type: type } });
}
