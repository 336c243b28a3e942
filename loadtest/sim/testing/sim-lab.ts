import { expect } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import { readSimConfig } from '../config.ts';
import type { ModelServer, ModelServerOptions } from '../server/model-server.ts';
import { startSim } from '../service.ts';

/** What opens every simulated server of a test. */
export const key = 'sk-test';
export const model = 'tiny';
export const chatPath = '/v1/chat/completions';

const started = endAfterEach();

/**
 * A simulated server on a free port, ten times as fast as the hardware, loaded unless `--load-ms` is among the flags. It
 * ends with its test.
 */
export async function start(
  flags: readonly string[] = [],
  overrides: Partial<ModelServerOptions> = {},
): Promise<ModelServer> {
  const usual = ['--port=0', `--model=${model}`, '--max-model-len=4096', '--time-scale=0.1', '--drain-timeout-ms=200'];
  const config = readSimConfig([...usual, ...flags], { FAIRWAY_SIM_API_KEY: key });
  const server = await started.use(startSim(config, overrides));
  await eventually(() => expect(server.desk.healthy()).toBe(!flags.some((flag) => flag.startsWith('--load-ms'))));
  return server;
}

/** Posts to `path`, the chat route unless told. */
export function post(
  server: ModelServer,
  body: unknown,
  extra: { path?: string; headers?: Record<string, string> } = {},
): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const usual = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const headers = { ...usual, ...extra.headers };
  return fetch(server.url + (extra.path ?? chatPath), { method: 'POST', body: text, headers });
}

/** The events of a stream, read to its end. */
export async function frames(response: Response): Promise<string[]> {
  return (await response.text()).split('\n\n').filter((frame) => frame !== '');
}

/** Compares members, their kinds and their order with a recording: what a strict client could trip over. */
export function expectShape(frame: string | undefined, recorded: string): void {
  const json = (frame ?? '').replace(/^(?:event: .*\n)?data: /, '');
  expect(shape(JSON.parse(json))).toEqual(shape(JSON.parse(recorded)));
}

function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shape);
  if (value === null || typeof value !== 'object') return value === null ? 'null' : typeof value;
  return Object.entries(value).map(([name, member]) => [name, shape(member)]);
}
