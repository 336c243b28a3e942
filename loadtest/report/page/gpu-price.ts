import { gpuSize } from '#shared/contract/catalogue/catalog.ts';
import type { RunAbout } from '#loadtest/record/run-folder.ts';

/** What a replica's GPUs cost. */
export interface GpuPrice {
  readonly gpus: number;
  /** US dollars for an hour of all of them. */
  readonly perHour: number;
  /** Which GPUs, and who says that. */
  readonly source: string;
}

/** Of a replica that a preset plays: its GPUs as the catalogue sells them. */
const slugs: Readonly<Record<string, { readonly slug: string; readonly times: number }>> = {
  '8b-h100': { slug: 'gpu-h100x1-80gb', times: 1 },
  '32b-tp2-h100': { slug: 'gpu-h100x1-80gb', times: 2 },
  '70b-tp8-h100': { slug: 'gpu-h100x8-640gb', times: 1 },
};

/**
 * The catalogue sells no H200, since its slug is in no public repository; this is what the list that its prices are from says
 * of one (DigitalOcean's of 9 September 2026 in a third party's transcription), US dollars an hour.
 */
const h200 = { gpus: 1, perHour: 4.47, source: 'one H200, DigitalOcean’s list of 9 September 2026' } as const;

/** What the replicas of a run would cost; undefined where nobody knows their GPUs. */
export function gpuPriceOf({ scenario }: RunAbout): GpuPrice | undefined {
  const { preset } = scenario;
  const name = typeof preset === 'object' && preset !== null && 'name' in preset ? String(preset.name) : '';
  if (/-h200\b/.test(name)) return h200;
  const { slug = '', times = 0 } = slugs[name] ?? {};
  const size = gpuSize(slug);
  if (size === undefined) return undefined;
  const perHour = times * Number(size.pricePerHour);
  return { gpus: times * size.gpuCount, perHour, source: `${times} × ${slug}, the catalogue’s price` };
}
