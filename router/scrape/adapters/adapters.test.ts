import { describe, expect, it } from 'vitest';
import { poolDocument } from '#shared/testing/documents.ts';
import type { ReplicaSignals } from '../../replicas/replica-view.ts';
import { recordedMetrics } from '../testing/recorded-metrics.ts';
import { signalsOf } from './adapter-of.ts';

function read(adapter: string | undefined, metrics: string, other?: unknown): ReplicaSignals {
  const { engine } = poolDocument();
  return signalsOf({ ...engine, kvTokens: 100, ...(adapter !== undefined && { adapter }) }, { metrics, other });
}

/** How SGLang labels a rank; source: sgl-project/sglang, python/sglang/srt/observability/metrics_collector.py. */
const rank = (dp: number, tp: number, priority = ''): string =>
  `{dp_rank="${dp}",engine_type="unified",model_name="m",pp_rank="0",priority="${priority}",tp_rank="${tp}"}`;

const cases: { what: string; adapter: string | undefined; text: string; signals: ReplicaSignals }[] = [
  {
    what: 'vLLM 0.32.0, recorded',
    adapter: 'vllm',
    text: recordedMetrics('vllm-0.32.0.txt'),
    signals: {
      running: 0,
      waiting: 0,
      kvUse: 0,
      kvTokens: 524_288,
      cacheQueries: 15_596,
      cacheHits: 9216,
      preemptions: 0,
      processStart: 1_795_362_638.34,
    },
  },
  {
    what: 'the same by an old pool’s names',
    adapter: undefined,
    text: recordedMetrics('vllm-0.32.0.txt'),
    signals: { running: 0, waiting: 0, kvUse: 0 },
  },
  {
    what: 'two ranks of a vLLM of old',
    adapter: 'vllm',
    text: `vllm:num_requests_running{engine="0",model_name="m"} 3
vllm:num_requests_running{engine="1",model_name="m"} 1
vllm:gpu_cache_usage_perc{engine="0",model_name="m"} 0.5
vllm:gpu_cache_usage_perc{engine="1",model_name="m"} 0.25
vllm:gpu_prefix_cache_queries_total{engine="0",model_name="m"} 100
vllm:gpu_prefix_cache_hits_total{engine="0",model_name="m"} 40
vllm:cache_config_info{block_size="16",engine="0",num_gpu_blocks="1000"} 1.0
vllm:cache_config_info{block_size="16",engine="1",num_gpu_blocks="1000"} 1.0
vllm:lora_requests_info{max_lora="4",running_lora_adapters="sql, law",waiting_lora_adapters="tax"} 1.7953627e+09
vllm:lora_requests_info{max_lora="4",running_lora_adapters="old",waiting_lora_adapters=""} 1.7953626e+09`,
    signals: {
      running: 4,
      kvUse: 0.375,
      cacheQueries: 100,
      cacheHits: 40,
      kvTokens: 32_000,
      residentAdapters: ['sql', 'law'],
      residentAdaptersMax: 4,
    },
  },
  {
    what: 'a vLLM that does not know its size',
    adapter: 'vllm',
    text: 'vllm:cache_config_info{block_size="16",num_gpu_blocks="None"} 1',
    signals: {},
  },
  {
    what: 'a vLLM whose labels are absurd',
    adapter: 'vllm',
    text: `vllm:cache_config_info{block_size="16",kv_cache_size_tokens="Infinity"} 1
vllm:lora_requests_info{max_lora="1e999",running_lora_adapters="${'a'.repeat(257)}"} 1`,
    signals: {},
  },
  {
    what: 'SGLang, two data-parallel ranks of two GPUs each',
    adapter: 'sglang',
    text: `sglang:num_running_reqs${rank(0, 0)} 3.0
sglang:num_running_reqs${rank(0, 0, '1')} 2.0
sglang:num_running_reqs${rank(1, 0)} 5.0
sglang:num_queue_reqs${rank(0, 0)} 1.0
sglang:num_queue_reqs${rank(1, 0)} 2.0
sglang:token_usage${rank(0, 0)} 0.5
sglang:token_usage${rank(1, 0)} 0.7
sglang:max_total_num_tokens${rank(0, 0)} 262144.0
sglang:max_total_num_tokens${rank(0, 1)} 262144.0
sglang:max_total_num_tokens${rank(1, 0)} 262144.0
sglang:prompt_tokens_total{model_name="m"} 1000.0
sglang:cached_tokens_total{cache_source="device",model_name="m"} 300.0
sglang:cached_tokens_total{cache_source="host",model_name="m"} 100.0`,
    signals: { running: 8, waiting: 3, kvUse: 0.6, kvTokens: 524_288, cacheQueries: 1000, cacheHits: 400 },
  },
  {
    what: 'SGLang before 0.5.11',
    adapter: 'sglang',
    text: 'sglang:cache_config_info{model_name="m",num_pages="1000",page_size="64"} 1.0',
    signals: { kvTokens: 64_000 },
  },
  {
    what: 'llama.cpp, recorded',
    adapter: 'llama-cpp',
    text: recordedMetrics('llama-cpp-b11434.txt'),
    signals: { running: 1, waiting: 0, cacheQueries: 194, cacheHits: 110 },
  },
  {
    what: 'TensorRT-LLM’s own server',
    adapter: 'trtllm-serve',
    text: `trtllm_num_requests_running{engine_type="trtllm",model_name="m"} 3.0
trtllm_num_requests_waiting{engine_type="trtllm",model_name="m"} 2.0
trtllm_kv_cache_utilization{engine_type="trtllm",model_name="m"} 0.25
trtllm_kv_cache_max_blocks{engine_type="trtllm",model_name="m"} 1000.0
trtllm_kv_cache_tokens_per_block{engine_type="trtllm",model_name="m"} 32.0
trtllm_kv_cache_reused_blocks_total{engine_type="trtllm",model_name="m"} 10.0
trtllm_kv_cache_missed_blocks_total{engine_type="trtllm",model_name="m"} 30.0`,
    signals: { running: 3, waiting: 2, kvUse: 0.25, kvTokens: 32_000, cacheQueries: 1280, cacheHits: 320 },
  },
  {
    what: 'Triton with TensorRT-LLM, as its README has it',
    adapter: 'triton',
    text: recordedMetrics('triton-tensorrtllm.txt'),
    signals: { running: 1, waiting: 0, kvUse: 1 / 6239, kvTokens: 6239 * 64 },
  },
  {
    what: 'Triton with two models of another backend',
    adapter: 'triton',
    text: `nv_inference_pending_request_count{model="a",version="1"} 2
nv_inference_pending_request_count{model="b",version="1"} 1
nv_inference_exec_count{model="a",version="1"} 700`,
    signals: { waiting: 3 },
  },
  { what: 'an engine that says nothing', adapter: 'vllm', text: '', signals: {} },
  {
    what: 'an adapter that is not known here',
    adapter: 'nobody',
    text: 'vllm:num_requests_running 2',
    signals: { running: 2 },
  },
];

describe('what engines’ own texts say', () => {
  it.each(cases)('$what', ({ adapter, text, signals }) => expect(read(adapter, text)).toEqual(signals));

  it('llama.cpp’s slots tell what is in use of its KV cache, and nothing when they do not fit it', () => {
    const slots = JSON.parse(recordedMetrics('llama-cpp-b11434-slots.json')) as object[];
    expect(read('llama-cpp', '', slots)).toEqual({ kvUse: 0.25 });
    const five = Array.from({ length: 5 }, () => slots[0]);
    expect(read('llama-cpp', '', five)).toEqual({});
    expect(read('llama-cpp', '', { error: { code: 501 } })).toEqual({});
    expect(
      signalsOf({ ...poolDocument().engine, adapter: 'llama-cpp', kvTokens: 0 }, { metrics: '', other: [] }),
    ).toEqual({});
  });
});
