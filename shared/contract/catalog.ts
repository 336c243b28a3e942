import type { Region } from './ids.ts';

/** One GPU size as DigitalOcean sells it; prices are US dollars per hour of one accelerator group of scale 1. */
export interface GpuSize {
  slug: string;
  gpuCount: number;
  vramGb: number;
  model: string;
  pricePerHour: string;
  regions: readonly Region[];
}

const everywhere = ['atl1', 'nyc2', 'tor1'] as const;

/** GPU slugs as in DigitalOcean's public repositories; prices as transcribed in September 2026. */
export const gpuSizes: readonly GpuSize[] = [
  {
    slug: 'gpu-mi300x1-192gb',
    gpuCount: 1,
    vramGb: 192,
    model: 'AMD MI300X',
    pricePerHour: '2.59',
    regions: everywhere,
  },
  {
    slug: 'gpu-mi300x8-1536gb',
    gpuCount: 8,
    vramGb: 1536,
    model: 'AMD MI300X',
    pricePerHour: '20.70',
    regions: everywhere,
  },
  { slug: 'gpu-h100x1-80gb', gpuCount: 1, vramGb: 80, model: 'NVIDIA H100', pricePerHour: '4.41', regions: everywhere },
  {
    slug: 'gpu-h100x8-640gb',
    gpuCount: 8,
    vramGb: 640,
    model: 'NVIDIA H100',
    pricePerHour: '30.32',
    regions: everywhere,
  },
  {
    slug: 'gpu-mi350x1-288gb',
    gpuCount: 1,
    vramGb: 288,
    model: 'AMD MI350X',
    pricePerHour: '6.89',
    regions: everywhere,
  },
  {
    slug: 'gpu-mi350x8-2304gb',
    gpuCount: 8,
    vramGb: 2304,
    model: 'AMD MI350X',
    pricePerHour: '55.12',
    regions: everywhere,
  },
];

/** The size of a slug, or undefined when it is not in the catalogue. */
export function gpuSize(slug: string): GpuSize | undefined {
  return gpuSizes.find((size) => size.slug === slug);
}
