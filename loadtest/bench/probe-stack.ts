import { setTimeout as delay } from 'node:timers/promises';
import { engineKey } from '#loadtest/workload/engine-key.ts';
import { z } from 'zod';
import type { StackReport } from './clone.ts';
import { median } from './comparison.ts';
import { treeCpuMs } from './process-cpu.ts';

/**
 * What is asked of a serving stack over HTTP alone, so that it works on any version of it. Linux only: CPU times are
 * read from /proc.
 */
const replySchema = z.object({ dedicated_inference: z.object({ id: z.string(), status: z.string() }) });

/** Seconds from a create to `active`, as its client sees them; the endpoint is deleted and gone when this returns. */
export async function createToActive({ control, inference }: StackReport, name: string): Promise<number> {
  const headers = { authorization: `Bearer ${control.token}`, 'content-type': 'application/json' };
  const url = `${control.url}/v2/dedicated-inferences`;
  const accelerators = [{ scale: 1, type: 'prefill_decode', accelerator_slug: 'gpu-h100x1-80gb' }];
  const model = { model_slug: inference.model, model_provider: 'hugging_face', accelerators };
  const spec = { name, region: 'atl1', enable_public_endpoint: true, model_deployments: [model] };
  const startedAt = performance.now();
  const created = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ spec }) });
  const { id } = replySchema.parse(await created.json()).dedicated_inference;
  const look = async (): Promise<string> => {
    const reply = await fetch(`${url}/${id}`, { headers });
    const body: unknown = await reply.json();
    return reply.status === 404 ? 'gone' : replySchema.parse(body).dedicated_inference.status;
  };
  await until(async () => (await look()) === 'active');
  const seconds = (performance.now() - startedAt) / 1000;
  await fetch(`${url}/${id}`, { method: 'DELETE', headers });
  await until(async () => (await look()) === 'gone');
  return seconds;
}

async function until(met: () => Promise<boolean>): Promise<void> {
  for (let look = 0; look < 3000; look += 1) {
    if (await met()) return;
    await delay(20);
  }
  throw new Error('not so within a minute');
}

/** Where completions are asked for: the router, or a replica past it. */
export interface Target {
  url: string;
  token: string;
  model: string;
}

export const routerOf = ({ inference }: StackReport): Target => inference;

/** A replica of the demo endpoint. */
async function replicaOf({ cluster, inference, replicas }: StackReport): Promise<Target> {
  const url = replicas[0]?.url ?? '';
  return { url, token: await engineKey(cluster.kubeconfig, inference.endpointId, url), model: inference.model };
}

interface Streamed {
  ttftMs: number;
  chunks: number;
}

/** Streams one completion of exactly `tokens` tokens. */
async function stream({ url, token, model }: Target, prompt: string, tokens: number): Promise<Streamed> {
  const body = {
    model,
    stream: true,
    max_tokens: tokens,
    ignore_eos: true,
    messages: [{ role: 'user', content: prompt }],
  };
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const startedAt = performance.now();
  const reply = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!reply.ok || reply.body === null) throw new Error(`${reply.status}: ${await reply.text()}`);
  let [ttftMs, text] = [Number.NaN, ''];
  const decoder = new TextDecoder();
  for await (const piece of reply.body) {
    text += decoder.decode(piece, { stream: true });
    if (Number.isNaN(ttftMs) && /"content":"[^"]/.test(text)) ttftMs = performance.now() - startedAt;
  }
  if (!text.includes('[DONE]')) throw new Error(`a stream ended early: ${text.slice(-300)}`);
  return { ttftMs, chunks: text.split('data: {').length - 1 };
}

/** A burst of streams, some at once. Returns all chunks. */
export async function burst(target: Target, load: { streams: number; tokens: number; name: string }): Promise<number> {
  let [begun, chunks] = [0, 0];
  const client = async (): Promise<void> => {
    while (begun < load.streams) {
      begun += 1;
      const prompt = `${load.name} ${begun} `.repeat(150);
      chunks += (await stream(target, prompt, load.tokens)).chunks;
    }
  };
  await Promise.all(Array.from({ length: 16 }, client));
  return chunks;
}

/** CPU milliseconds of the router per request of one token, and per further chunk of a long answer. */
export async function routerCpu(report: StackReport, name: string): Promise<{ perRequest: number; perChunk: number }> {
  const pid = report.processes.find((one) => one.name === 'router')?.pid ?? 0;
  const [requests, streams] = [600, 48];
  const before = await treeCpuMs(pid);
  const fewChunks = await burst(routerOf(report), { streams: requests, tokens: 1, name: `${name} short` });
  const between = await treeCpuMs(pid);
  const chunks = await burst(routerOf(report), { streams, tokens: 400, name: `${name} long` });
  const perRequest = (between - before) / requests;
  const further = chunks - (fewChunks / requests) * streams;
  return { perRequest, perChunk: ((await treeCpuMs(pid)) - between - perRequest * streams) / further };
}

/** Milliseconds that the router adds to the first token, one request at a time, in turns with a replica asked directly. */
export async function addedTtft(report: StackReport, name: string): Promise<number> {
  const [router, replica] = [routerOf(report), await replicaOf(report)];
  const times = { router: [] as number[], replica: [] as number[] };
  for (let turn = 0; turn < 60; turn += 1) {
    times.replica.push((await stream(replica, `${name} direct ${turn}`, 1)).ttftMs);
    times.router.push((await stream(router, `${name} routed ${turn}`, 1)).ttftMs);
  }
  return median(times.router) - median(times.replica);
}
