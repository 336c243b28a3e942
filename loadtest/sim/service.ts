import { systemClock } from '#shared/runtime/clock.ts';
import type { SimConfig } from './config.ts';
import { Engine } from './engine/engine.ts';
import { startKvEventPublisher } from './kv-events/kv-event-publisher.ts';
import { startModelServer, type ModelServer, type ModelServerOptions } from './server/model-server.ts';
import { presets } from './engine/presets.ts';

/** Starts one simulated replica: an engine of the preset behind an HTTP server. */
export async function startSim(config: SimConfig, overrides: Partial<ModelServerOptions> = {}): Promise<ModelServer> {
  const { preset, seed, jitter, watermark, kvEvents: events, kvEventsForm: form, ...rest } = config;
  const cacheEvents = events !== undefined;
  const engine = overrides.engine ?? new Engine(presets[preset], { seed, jitter, watermark, cacheEvents });
  const { blockTokens } = engine.preset;
  const die = (): void => void process.kill(process.pid, 'SIGKILL');
  await using stack = new AsyncDisposableStack();
  const kvEvents =
    events && stack.use(await startKvEventPublisher({ config: events, form, blockTokens, host: rest.host }));
  const options = { ...rest, seed, engine, clock: systemClock, die, kvEvents };
  const server = stack.use(await startModelServer({ ...options, ...overrides }));
  const all = stack.move();
  return { ...server, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
