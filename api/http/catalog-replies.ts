import { gpuSizes, modelConfigs, type GpuSize } from '#shared/contract/catalogue/catalog.ts';
import { sizesFor } from '#shared/contract/catalogue/fit.ts';
import type { Region } from '#shared/contract/ids.ts';
import type { GpuModelConfigReply, SizesReply } from '#shared/contract/parts.ts';

/** The sizes that the given regions offer, one row a size, in both dialects. */
export function sizesReply(enabled: readonly Region[]): SizesReply {
  const sizes = gpuSizes.flatMap((size) => {
    const regions = regionsOf(size, enabled);
    const [region] = regions;
    return region === undefined ? [] : [{ ...rowOf(size), region, regions }];
  });
  return { enabled_regions: [...enabled], sizes };
}

/** The models of the catalogue, and which sizes of the given regions hold them. */
export function gpuModelConfigReply(enabled: readonly Region[]): GpuModelConfigReply {
  const configs = modelConfigs.map((model) => ({
    model_slug: model.slug,
    model_name: model.name,
    gpu_slugs: sizesFor(model)
      .filter((size) => regionsOf(size, enabled).length > 0)
      .map(({ slug }) => slug),
    is_gated_model: model.gated,
    is_model_gated: model.gated,
  }));
  return { gpu_model_configs: configs };
}

function regionsOf(size: GpuSize, enabled: readonly Region[]): Region[] {
  return enabled.filter((region) => size.regions.includes(region));
}

function rowOf(size: GpuSize) {
  return {
    gpu_slug: size.slug,
    price_per_hour: size.pricePerHour,
    currency: 'USD' as const,
    cpu: size.cpus,
    memory: size.memoryMb,
    gpu: { count: size.gpuCount, vram_gb: size.vramGb, slug: size.slug },
    size_category: { name: size.model, fleet_name: size.fleet },
    disks: [
      { type: 'Local', size_gb: size.bootDiskGb },
      { type: 'Scratch', size_gb: size.scratchDiskGb },
    ],
  };
}
