import { systemClock } from '#shared/runtime/clock.ts';
import type { SimConfig } from './config.ts';
import { Engine } from './engine/engine.ts';
import { startModelServer, type ModelServer, type ModelServerOptions } from './server/model-server.ts';
import { presets } from './engine/presets.ts';

/** Starts one simulated replica: an engine of the preset behind an HTTP server. */
export async function startSim(config: SimConfig, overrides: Partial<ModelServerOptions> = {}): Promise<ModelServer> {
  const { preset, seed, jitter, watermark, ...rest } = config;
  const engine = new Engine(presets[preset], { seed, jitter, watermark });
  const die = (): void => void process.kill(process.pid, 'SIGKILL');
  return startModelServer({ ...rest, seed, engine, clock: systemClock, die, ...overrides });
}
