import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { createReplySchema, resourceReplySchema, type DedicatedInference } from '#shared/contract/resource.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { simulated } from '../engines/local-engine.ts';
import { stackPlace } from './stack-place.ts';

/** Where the demo works, and with which rights. */
export interface DemoPlace {
  controlUrl: string;
  apiToken: string;
  inferenceUrl: string;
  replicas: number;
  model: string;
  /** The state folder of the stack. */
  folder: string;
  clock: Clock;
  signal: AbortSignal;
}

const demoSchema = z.object({ endpointId: z.string(), token: z.string(), model: z.string() });

/** The demo endpoint, ready to be used. */
export type DemoEndpoint = z.infer<typeof demoSchema>;

/** What the management API refused, with its own words. */
class ApiRefusedError extends Error {
  readonly status: number;

  constructor(status: number, text: string) {
    super(`The control plane answered ${status}: ${text}`);
    this.status = status;
  }
}

const accelerator = (scale: number): object => ({ scale, type: 'prefill_decode', accelerator_slug: 'gpu-h100x1-80gb' });

/**
 * Creates the demo endpoint through the public API; with kept state the one of an earlier run is scaled and used again.
 * @throws with the API's own sentence when it refuses.
 */
export async function createDemo(place: DemoPlace): Promise<DemoEndpoint> {
  const { model } = place;
  const name = demoNameOf(model);
  const earlier = await recallDemo(place);
  if (earlier !== undefined && (await scaleEarlier(place, earlier))) return earlier;
  const spec = {
    name,
    region: stackPlace.region,
    enable_public_endpoint: true,
    model_deployments: [
      { model_slug: model, model_provider: 'hugging_face', accelerators: [accelerator(place.replicas)] },
    ],
  };
  const reply = await call(place, '', { method: 'POST', body: JSON.stringify({ spec }) });
  const { dedicated_inference: resource, token } = createReplySchema.parse(reply);
  const demo = { endpointId: resource.id, token: token.value ?? '', model };
  await rememberDemo(place, demo);
  return demo;
}

/** Each model has a demo endpoint of its own: the simulated one's is "demo". */
export function demoNameOf(model: string): string {
  return model === simulated.model ? 'demo' : `demo-${model.replaceAll(/[^\w-]/g, '_')}`;
}

/** The demo endpoint of an earlier run with kept state: its token is shown once and stored nowhere else. */
async function recallDemo(place: DemoPlace): Promise<DemoEndpoint | undefined> {
  const text = await readFile(demoFile(place), 'utf8').catch(() => undefined);
  return text === undefined ? undefined : demoSchema.parse(JSON.parse(text));
}

/** Keeps it for the next run, readable by the user alone. */
async function rememberDemo(place: DemoPlace, demo: DemoEndpoint): Promise<void> {
  await writeFile(demoFile(place), JSON.stringify(demo), { mode: 0o600 });
}

function demoFile({ folder, model }: DemoPlace): string {
  return join(folder, `${demoNameOf(model)}.json`);
}

/** False when the earlier endpoint has been deleted. */
async function scaleEarlier(place: DemoPlace, { endpointId }: DemoEndpoint): Promise<boolean> {
  const body = JSON.stringify({ spec: { model_deployments: [{ accelerators: [accelerator(place.replicas)] }] } });
  try {
    await call(place, `/${endpointId}`, { method: 'PATCH', body, headers: { 'if-match': '*' } });
    return true;
  } catch (error) {
    if (error instanceof ApiRefusedError && error.status === 404) return false;
    throw error;
  }
}

/** Reasons of a provisioner that touches nothing in a cluster, until somebody acts. */
const refusals = new Set(['ForeignCluster', 'StreamReplaced', 'StreamRestored']);

/** Waits until the endpoint is active; `tell` hears each new phase and reason, and at least every 5 s why it waits. */
export async function untilActive(
  place: DemoPlace,
  endpointId: string,
  tell: (text: string) => void,
): Promise<DedicatedInference> {
  let shown = '';
  let shownAt = place.clock.monotonic();
  for (;;) {
    place.signal.throwIfAborted();
    const { dedicated_inference: resource } = resourceReplySchema.parse(await call(place, `/${endpointId}`, {}));
    if (resource.status === 'active') return resource;
    if (resource.status === 'error') throw new Error(`The endpoint failed: ${resource.reason}: ${resource.message}`);
    if (refusals.has(resource.reason)) throw new Error(`${resource.message} ${resource.hint ?? ''}`);
    const { ready, desired } = resource.replicas;
    const line = `endpoint is ${resource.status}: ${resource.phase}, ${ready}/${desired} replicas ready, ${resource.reason}`;
    const now = place.clock.monotonic();
    if (line !== shown || now - shownAt > 5000) {
      tell(resource.message === '' ? line : `${line}: ${resource.message}`);
      [shown, shownAt] = [line, now];
    }
    await place.clock.sleep(50, place.signal);
  }
}

const chunkSchema = z.object({
  choices: z.array(z.object({ delta: z.object({ content: z.string().nullish() }) })).optional(),
  error: z.object({ message: z.string() }).optional(),
});

/** Streams one completion; `say` hears each piece of text. Returns the time to the first one, milliseconds. */
export async function streamCompletion(
  place: DemoPlace,
  demo: DemoEndpoint,
  say: (text: string) => void,
): Promise<number> {
  const startedAt = place.clock.monotonic();
  const response = await fetch(`${place.inferenceUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${demo.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: demo.model,
      stream: true,
      max_tokens: 60,
      messages: [{ role: 'user', content: 'Say in one sentence what you are.' }],
    }),
    signal: AbortSignal.any([place.signal, AbortSignal.timeout(60_000)]),
  });
  if (!response.ok || response.body === null)
    throw new Error(`The router answered ${response.status}: ${await response.text()}`);
  let firstAt: number | undefined;
  let rest = '';
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const frames = (rest + piece).split('\n\n');
    rest = frames.pop() ?? '';
    for (const text of frames.map(textOf)) {
      if (text !== '') firstAt ??= place.clock.monotonic() - startedAt;
      say(text);
    }
  }
  if (firstAt === undefined) throw new Error('The stream ended without a token.');
  return firstAt;
}

function textOf(frame: string): string {
  if (!frame.startsWith('data: {')) return '';
  const chunk = chunkSchema.parse(JSON.parse(frame.slice(6)));
  if (chunk.error !== undefined) throw new Error(`The stream failed: ${chunk.error.message}`);
  return chunk.choices?.[0]?.delta.content ?? '';
}

async function call(
  place: DemoPlace,
  path: string,
  init: { method?: string; body?: string; headers?: Record<string, string> },
): Promise<unknown> {
  const response = await fetch(`${place.controlUrl}/v2/dedicated-inferences${path}`, {
    ...init,
    headers: { authorization: `Bearer ${place.apiToken}`, 'content-type': 'application/json', ...init.headers },
    signal: AbortSignal.any([place.signal, AbortSignal.timeout(30_000)]),
  });
  const text = await response.text();
  if (!response.ok) throw new ApiRefusedError(response.status, text);
  return JSON.parse(text);
}
