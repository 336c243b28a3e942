import { z } from 'zod';
import { gpuSize, type GpuSize } from './catalog.ts';

/** The engines that a client may choose. */
export const engineNames = ['vllm', 'sglang', 'llama-cpp'] as const;

/** One of them. */
export type EngineName = (typeof engineNames)[number];

/**
 * Every argument that a client may set, named as the engine's own flag. Nothing is here that has to do with keys, addresses,
 * ports, the model or what is logged, nor what runs code that comes with a model or a request.
 */
export const engineArgumentsSchema = z
  .strictObject({
    max_num_seqs: z.int().min(1).max(4096).optional().describe('vLLM: most requests that are computed at once.'),
    max_num_batched_tokens: z.int().min(512).max(1_048_576).optional().describe('vLLM: most tokens of one step.'),
    gpu_memory_utilization: z
      .number()
      .min(0.5)
      .max(0.95)
      .optional()
      .describe('vLLM: share of the memory that weights and KV cache may have.'),
    max_running_requests: z
      .int()
      .min(1)
      .max(4096)
      .optional()
      .describe('SGLang: most requests that are computed at once.'),
    chunked_prefill_size: z
      .int()
      .min(512)
      .max(1_048_576)
      .optional()
      .describe('SGLang: most prompt tokens of one step.'),
    mem_fraction_static: z
      .number()
      .min(0.5)
      .max(0.95)
      .optional()
      .describe('SGLang: share of the memory that weights and KV cache may have.'),
    schedule_policy: z
      .enum(['fcfs', 'lpm'])
      .optional()
      .describe('SGLang: which request is next: the oldest, or the one of which most is cached.'),
    kv_cache_dtype: z
      .enum(['fp8_e4m3', 'fp8_e5m2'])
      .optional()
      .describe('vLLM, SGLang: form of the KV cache; the model’s own when left out.'),
    tool_call_parser: z
      .enum(['gpt-oss', 'hermes', 'llama3', 'llama3_json', 'mistral', 'openai', 'qwen25', 'qwen3_coder'])
      .optional()
      .describe('vLLM, SGLang: how calls of tools are found in answers; each knows its own of these.'),
    reasoning_parser: z
      .enum(['gpt-oss', 'openai_gptoss', 'qwen3'])
      .optional()
      .describe('vLLM, SGLang: how thoughts are told from answers; each knows its own of these.'),
    parallel: z.int().min(1).max(256).optional().describe('llama.cpp: most requests that are computed at once.'),
    batch_size: z.int().min(32).max(65_536).optional().describe('llama.cpp: most tokens that are taken up at once.'),
    ubatch_size: z.int().min(32).max(65_536).optional().describe('llama.cpp: most tokens of one step.'),
    cache_ram: z
      .int()
      .min(0)
      .max(1_048_576)
      .optional()
      .describe('llama.cpp: main memory for prompts that left the cache, MiB.'),
    cache_type_k: z.enum(['q8_0']).optional().describe('llama.cpp: form of the cached keys; 16 bits when left out.'),
    cache_type_v: z.enum(['q8_0']).optional().describe('llama.cpp: form of the cached values; 16 bits when left out.'),
  })
  .meta({ id: 'EngineArguments', description: 'Arguments of an engine.' });

/** Arguments as set. */
export type EngineArguments = z.infer<typeof engineArgumentsSchema>;

/** What may be chosen of one engine. */
export interface EngineOffer {
  /** How its versions are written. */
  versionForm: RegExp;
  /** An older version is not started, and why. */
  oldest: { version: string; why: string };
  /** The arguments that it knows; where only some of the values are its own, those. */
  arguments: Readonly<Partial<Record<keyof EngineArguments, readonly string[] | 'all'>>>;
  /** GPU models that its images have code for. */
  gpuModels: readonly GpuSize['model'][];
}

const numbered = /^\d{1,3}\.\d{1,3}\.\d{1,3}(\.post\d{1,2})?$/;
const everyGpu = ['NVIDIA H100', 'AMD MI300X', 'AMD MI350X'];

/** What each engine lets a client choose. */
export const engineOffers: Readonly<Record<EngineName, EngineOffer>> = {
  vllm: {
    versionForm: numbered,
    // GHSA-7972-pg2x-xr59; the shutdown flag that lets streams end is there since 0.18, too.
    oldest: { version: '0.18.0', why: 'older ones run code that comes with a model (CVE-2026-27893)' },
    arguments: {
      max_num_seqs: 'all',
      max_num_batched_tokens: 'all',
      gpu_memory_utilization: 'all',
      kv_cache_dtype: 'all',
      tool_call_parser: ['hermes', 'llama3_json', 'mistral', 'openai', 'qwen3_coder'],
      reasoning_parser: ['openai_gptoss', 'qwen3'],
    },
    gpuModels: everyGpu,
  },
  sglang: {
    versionForm: numbered,
    // CERT/CC VU#326070.
    oldest: { version: '0.5.15', why: 'older ones run code that is sent to an internal port (CVE-2026-14890)' },
    arguments: {
      max_running_requests: 'all',
      chunked_prefill_size: 'all',
      mem_fraction_static: 'all',
      schedule_policy: 'all',
      kv_cache_dtype: 'all',
      tool_call_parser: ['gpt-oss', 'hermes', 'llama3', 'mistral', 'qwen25', 'qwen3_coder'],
      reasoning_parser: ['gpt-oss', 'qwen3'],
    },
    gpuModels: everyGpu,
  },
  'llama-cpp': {
    versionForm: /^b\d{4,6}$/,
    // GHSA-6hc7-9rph-cm99: b7492 to b9060.
    oldest: { version: 'b9061', why: 'older ones use memory that they have given back (CVE-2026-43631)' },
    arguments: {
      parallel: 'all',
      batch_size: 'all',
      ubatch_size: 'all',
      cache_ram: 'all',
      cache_type_k: 'all',
      cache_type_v: 'all',
    },
    // Its ROCm images are built for gfx942 and not for gfx950.
    gpuModels: ['NVIDIA H100', 'AMD MI300X'],
  },
};

/** Why an engine cannot run on the GPUs of a size; null when it can, or when either is not known. Pure. */
export function unservedGpu(engine: EngineName | undefined, sizeSlug: string): string | null {
  const size = gpuSize(sizeSlug);
  if (engine === undefined || size === undefined || engineOffers[engine].gpuModels.includes(size.model)) return null;
  return `is ${size.model}, which ${engine} has no image for`;
}

/** Whether a version is older than another one of the same engine. Pure. */
export function isOlder(version: string, than: string): boolean {
  const [left, right] = [version, than].map((text) => [...text.matchAll(/\d+/g)].map(Number));
  for (const [index, number] of (right ?? []).entries()) {
    const given = left?.[index] ?? 0;
    if (given !== number) return given < number;
  }
  return false;
}
