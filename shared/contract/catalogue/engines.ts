import type { GpuSize } from './catalog.ts';

/** The engines that a client may choose. */
export const engineNames = ['vllm', 'sglang', 'llama-cpp'] as const;

/** One of them. */
export type EngineName = (typeof engineNames)[number];

/** What may be chosen of one engine. */
export interface EngineOffer {
  /** How its versions are written. */
  versionForm: RegExp;
  /** An older version is not started, and why. */
  oldest: { version: string; why: string };
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
    gpuModels: everyGpu,
  },
  sglang: {
    versionForm: numbered,
    // CERT/CC VU#326070.
    oldest: { version: '0.5.15', why: 'older ones run code that is sent to an internal port (CVE-2026-14890)' },
    gpuModels: everyGpu,
  },
  'llama-cpp': {
    versionForm: /^b\d{4,6}$/,
    // GHSA-6hc7-9rph-cm99: b7492 to b9060.
    oldest: { version: 'b9061', why: 'older ones use memory that they have given back (CVE-2026-43631)' },
    // Its ROCm images are built for gfx942 and not for gfx950.
    gpuModels: ['NVIDIA H100', 'AMD MI300X'],
  },
};

/** Whether a version is older than another one of the same engine. Pure. */
export function isOlder(version: string, than: string): boolean {
  const [left, right] = [version, than].map((text) => [...text.matchAll(/\d+/g)].map(Number));
  for (const [index, number] of (right ?? []).entries()) {
    const given = left?.[index] ?? 0;
    if (given !== number) return given < number;
  }
  return false;
}
