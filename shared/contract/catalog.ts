import type { Region } from './ids.ts';

/** One GPU size as DigitalOcean sells it; prices are US dollars per hour of one accelerator group of scale 1. */
export interface GpuSize {
  slug: string;
  gpuCount: number;
  vramGb: number;
  model: string;
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
  /** Memory of one token in the KV cache, 16 bits a value: 2 · layers · KV heads · head size · 2. */
  kvBytesPerToken: number;
  contextTokensMax: number;
}

/** The share of accelerators' memory that weights may take: engines leave a tenth free, and the rest is the KV cache. */
const weightsShareMax = 0.8;

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
const mi300x = { model: 'AMD MI300X', fleet: 'do:compute-fleet:gpu-amd-mi300x' };
const mi350x = { model: 'AMD MI350X', fleet: 'do:compute-fleet:gpu-amd-mi350x' };
const h100 = { model: 'NVIDIA H100', fleet: 'do:compute-fleet:gpu-nvidia-h100' };

/**
 * GPU slugs as in DigitalOcean's public repositories; prices as transcribed in September 2026; CPUs, memory and disks as
 * GPU Droplets with one or eight of them have (those of MI350X are taken for the same).
 */
export const gpuSizes: readonly GpuSize[] = [
  { slug: 'gpu-mi300x1-192gb', vramGb: 192, pricePerHour: '2.59', ...mi300x, ...single },
  { slug: 'gpu-mi300x8-1536gb', vramGb: 1536, pricePerHour: '20.70', ...mi300x, ...eight },
  { slug: 'gpu-h100x1-80gb', vramGb: 80, pricePerHour: '4.41', ...h100, ...single },
  { slug: 'gpu-h100x8-640gb', vramGb: 640, pricePerHour: '30.32', ...h100, ...eight },
  { slug: 'gpu-mi350x1-288gb', vramGb: 288, pricePerHour: '6.89', ...mi350x, ...single },
  { slug: 'gpu-mi350x8-2304gb', vramGb: 2304, pricePerHour: '55.12', ...mi350x, ...eight },
];

/** Models by what their repositories say: sizes of the weight files, and `config.json` for layers, KV heads and head size. */
export const modelConfigs: readonly ModelConfig[] = [
  {
    slug: 'mistralai/Mistral-7B-Instruct-v0.3',
    name: 'Mistral 7B Instruct v0.3',
    gated: false,
    weightsGb: 14.5,
    kvBytesPerToken: 131_072,
    contextTokensMax: 32_768,
  },
  {
    slug: 'meta-llama/Llama-3.1-8B-Instruct',
    name: 'Llama 3.1 8B Instruct',
    gated: true,
    weightsGb: 16.1,
    kvBytesPerToken: 131_072,
    contextTokensMax: 131_072,
  },
  {
    slug: 'Qwen/Qwen2.5-14B-Instruct',
    name: 'Qwen2.5 14B Instruct',
    gated: false,
    weightsGb: 29.5,
    kvBytesPerToken: 196_608,
    contextTokensMax: 32_768,
  },
  {
    slug: 'Qwen/Qwen3-Coder-30B-A3B-Instruct',
    name: 'Qwen3 Coder 30B A3B Instruct',
    gated: false,
    weightsGb: 61.1,
    kvBytesPerToken: 98_304,
    contextTokensMax: 262_144,
  },
  {
    slug: 'Qwen/Qwen3-32B',
    name: 'Qwen3 32B',
    gated: false,
    weightsGb: 65.5,
    kvBytesPerToken: 262_144,
    contextTokensMax: 40_960,
  },
  {
    slug: 'openai/gpt-oss-120b',
    name: 'gpt-oss 120B',
    gated: false,
    weightsGb: 65.3,
    kvBytesPerToken: 73_728,
    contextTokensMax: 131_072,
  },
  {
    slug: 'meta-llama/Llama-3.3-70B-Instruct',
    name: 'Llama 3.3 70B Instruct',
    gated: true,
    weightsGb: 141.1,
    kvBytesPerToken: 327_680,
    contextTokensMax: 131_072,
  },
  {
    slug: 'Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8',
    name: 'Qwen3 Coder 480B A35B Instruct FP8',
    gated: false,
    weightsGb: 482.2,
    kvBytesPerToken: 253_952,
    contextTokensMax: 262_144,
  },
];

/** The size of a slug, or undefined when it is not in the catalogue. */
export function gpuSize(slug: string): GpuSize | undefined {
  return gpuSizes.find((size) => size.slug === slug);
}

/** The sizes that hold a model's weights and leave room for its KV cache. */
export function sizesFor({ weightsGb }: ModelConfig): GpuSize[] {
  return gpuSizes.filter(({ vramGb }) => weightsGb <= vramGb * weightsShareMax);
}
