import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { ProcessUse } from '#loadtest/record/figures.ts';

/** What the work of a process, and of others on the machine, did to it since `begin`. */
export interface Strain {
  /** How late timers were at their 99th percentile, milliseconds. */
  readonly lateMs: number;
  readonly cpuSeconds: number;
  /** The most that was resident since the process began. */
  readonly rssMaxBytes: number;
}

/** Timers later than this, at the 99th percentile, are the machine's doing and show in first tokens, milliseconds. */
export const lateMsMax = 5;

/** Between two looks, milliseconds: Node counts it in. */
const everyMs = 10;

/** Watches the process that it is made in. */
export class StrainGauge implements Disposable {
  readonly #delays = monitorEventLoopDelay({ resolution: everyMs });
  #cpu = process.cpuUsage();

  constructor() {
    this.#delays.enable();
  }

  begin(): void {
    this.#delays.reset();
    this.#cpu = process.cpuUsage();
  }

  read(): Strain {
    const { user, system } = process.cpuUsage(this.#cpu);
    return {
      lateMs: Math.max(0, this.#delays.percentile(99) / 1e6 - everyMs),
      cpuSeconds: (user + system) / 1e6,
      rssMaxBytes: process.resourceUsage().maxRSS * 1024,
    };
  }

  [Symbol.dispose](): void {
    this.#delays.disable();
  }
}

/** What they took together. */
export function useOf(strains: readonly Strain[]): ProcessUse {
  return {
    processes: strains.length,
    cpuSeconds: strains.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
    rssMaxBytes: strains.reduce((sum, { rssMaxBytes }) => sum + rssMaxBytes, 0),
  };
}
