import type { Region } from '../ids.ts';

/** A maker of GPUs. */
export type GpuMaker = 'nvidia' | 'amd';

/** One GPU size as DigitalOcean sells it; prices are US dollars per hour of one accelerator group of scale 1. */
export interface GpuSize {
  slug: string;
  gpuCount: number;
  /** Of all its GPUs together, GiB; DigitalOcean calls them GB. */
  vramGb: number;
  model: string;
  /** Who makes them decides on the engine's image and on what nodes call them. */
  maker: GpuMaker;
  /** The fleet's name in DigitalOcean's size lists. */
  fleet: string;
  pricePerHour: string;
  cpus: number;
  memoryMb: number;
  bootDiskGb: number;
  scratchDiskGb: number;
  regions: readonly Region[];
}

/** A model of the catalogue, and what it takes. */
export interface ModelConfig {
  /** Its repository at Hugging Face. */
  slug: string;
  name: string;
  /** Weights are given out to those who have accepted its licence: a Hugging Face token is needed. */
  gated: boolean;
  /** Memory of the weights as they are published, 10⁹ bytes. */
  weightsGb: number;
  /** Repository with its weights in GGUF, the one form that llama.cpp reads. */
  ggufRepository: string;
  /** Layers whose KV cache keeps the whole context, the KV heads of each, and the values of a head. */
  layers: number;
  kvHeads: number;
  headSize: number;
  contextTokensMax: number;
}

const everywhere = ['atl1', 'nyc2', 'tor1'] as const;

const single = { gpuCount: 1, cpus: 20, memoryMb: 245_760, bootDiskGb: 720, scratchDiskGb: 5120, regions: everywhere };
const eight = {
  gpuCount: 8,
  cpus: 160,
  memoryMb: 1_966_080,
  bootDiskGb: 2046,
  scratchDiskGb: 40_960,
  regions: everywhere,
};
const mi300x = { model: 'AMD MI300X', maker: 'amd', fleet: 'do:compute-fleet:gpu-amd-mi300x' } as const;
const mi350x = { model: 'AMD MI350X', maker: 'amd', fleet: 'do:compute-fleet:gpu-amd-mi350x' } as const;
const h100 = { model: 'NVIDIA H100', maker: 'nvidia', fleet: 'do:compute-fleet:gpu-nvidia-h100' } as const;

/**
 * GPU slugs as in DigitalOcean's public repositories. Where the figures are from, looked up in November 2026:
 * prices: a third party's transcription of DigitalOcean's list of 9 September 2026 (those of one MI300X and one H100 stand in
 * public copies of its GPU Droplet list, too); that of eight MI350X is eight times one. Memory in GiB: what drivers report.
 * CPUs, memory and boot disk: lists of GPU Droplets with the same GPUs in public repositories. Not verified: scratch disks,
 * and that every region has every size.
 */
export const gpuSizes: readonly GpuSize[] = [
  { slug: 'gpu-mi300x1-192gb', vramGb: 192, pricePerHour: '2.59', ...mi300x, ...single },
  { slug: 'gpu-mi300x8-1536gb', vramGb: 1536, pricePerHour: '20.70', ...mi300x, ...eight },
  { slug: 'gpu-h100x1-80gb', vramGb: 80, pricePerHour: '4.41', ...h100, ...single },
  { slug: 'gpu-h100x8-640gb', vramGb: 640, pricePerHour: '30.32', ...h100, ...eight },
  { slug: 'gpu-mi350x1-288gb', vramGb: 288, pricePerHour: '6.89', ...mi350x, ...single, cpus: 24, memoryMb: 262_144 },
  {
    slug: 'gpu-mi350x8-2304gb',
    vramGb: 2304,
    pricePerHour: '55.12',
    ...mi350x,
    ...eight,
    cpus: 192,
    memoryMb: 2_097_152,
  },
];

/** Shape of attention that most of the models have. */
const heads = { kvHeads: 8, headSize: 128 };

/**
 * Models by what their repositories say, each figure looked up in copies of them in November 2026. Weights are `total_size`
 * of `model.safetensors.index.json`; those of the 480B model, whose index was not to be had, are computed from its
 * 480,184,064,000 published values: 8 bits each, 16 for embeddings, head and routers. The rest is from `config.json`.
 * Repositories with GGUF are those that public copies of other catalogues name.
 */
export const modelConfigs: readonly ModelConfig[] = [
  {
    slug: 'mistralai/Mistral-7B-Instruct-v0.3',
    name: 'Mistral 7B Instruct v0.3',
    gated: false,
    weightsGb: 14.5,
    ggufRepository: 'bartowski/Mistral-7B-Instruct-v0.3-GGUF',
    layers: 32,
    ...heads,
    contextTokensMax: 32_768,
  },
  {
    slug: 'meta-llama/Llama-3.1-8B-Instruct',
    name: 'Llama 3.1 8B Instruct',
    gated: true,
    weightsGb: 16.1,
    ggufRepository: 'bartowski/Meta-Llama-3.1-8B-Instruct-GGUF',
    layers: 32,
    ...heads,
    contextTokensMax: 131_072,
  },
  {
    slug: 'Qwen/Qwen2.5-14B-Instruct',
    name: 'Qwen2.5 14B Instruct',
    gated: false,
    weightsGb: 29.5,
    ggufRepository: 'Qwen/Qwen2.5-14B-Instruct-GGUF',
    layers: 48,
    ...heads,
    contextTokensMax: 32_768,
  },
  {
    slug: 'Qwen/Qwen3-Coder-30B-A3B-Instruct',
    name: 'Qwen3 Coder 30B A3B Instruct',
    gated: false,
    weightsGb: 61.1,
    ggufRepository: 'unsloth/Qwen3-Coder-30B-A3B-Instruct-GGUF',
    layers: 48,
    ...heads,
    kvHeads: 4,
    contextTokensMax: 262_144,
  },
  {
    slug: 'Qwen/Qwen3-32B',
    name: 'Qwen3 32B',
    gated: false,
    weightsGb: 65.5,
    ggufRepository: 'Qwen/Qwen3-32B-GGUF',
    layers: 64,
    ...heads,
    contextTokensMax: 40_960,
  },
  {
    slug: 'openai/gpt-oss-120b',
    name: 'gpt-oss 120B',
    gated: false,
    weightsGb: 65.2,
    ggufRepository: 'ggml-org/gpt-oss-120b-GGUF',
    // Every other one of its 36 layers keeps 128 tokens alone.
    layers: 18,
    ...heads,
    headSize: 64,
    contextTokensMax: 131_072,
  },
  {
    slug: 'meta-llama/Llama-3.3-70B-Instruct',
    name: 'Llama 3.3 70B Instruct',
    gated: true,
    weightsGb: 141.1,
    ggufRepository: 'unsloth/Llama-3.3-70B-Instruct-GGUF',
    layers: 80,
    ...heads,
    contextTokensMax: 131_072,
  },
  {
    slug: 'Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8',
    name: 'Qwen3 Coder 480B A35B Instruct FP8',
    gated: false,
    weightsGb: 482.1,
    ggufRepository: 'unsloth/Qwen3-Coder-480B-A35B-Instruct-GGUF',
    layers: 62,
    ...heads,
    contextTokensMax: 262_144,
  },
];

/** The size of a slug, or undefined when it is not in the catalogue. */
export function gpuSize(slug: string): GpuSize | undefined {
  return gpuSizes.find((size) => size.slug === slug);
}

/** The model of a repository, or undefined when it is not in the catalogue. Hugging Face tells no capitals from small letters. */
export function modelConfig(repository: string): ModelConfig | undefined {
  const name = repository.toLowerCase();
  return modelConfigs.find(({ slug }) => slug.toLowerCase() === name);
}
