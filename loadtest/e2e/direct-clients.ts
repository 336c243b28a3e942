import { readFile } from 'node:fs/promises';
import OpenAI from 'openai';
import { z } from 'zod';
import { kubeconfigOf } from '#loadtest/stack/processes.ts';
import type { TestStack } from './test-stack.ts';

const secretsSchema = z.object({ items: z.array(z.object({ data: z.record(z.string(), z.string()).optional() })) });
const kubeconfigSchema = z.object({
  clusters: z.array(z.object({ cluster: z.object({ server: z.string() }) })),
  users: z.array(z.object({ user: z.object({ token: z.string() }) })),
});

/**
 * One client per replica that goes past the router, for baselines: the engine's key is read from its Secret as an
 * operator could. @throws when no Secret of the endpoint opens the engines.
 */
export async function directClients(fairway: TestStack, endpointId: string): Promise<OpenAI[]> {
  const replicas = await fairway.replicas(endpointId);
  const key = await workingKey(await secretValues(fairway, endpointId), replicas[0]?.url ?? '');
  return replicas.map(({ url }) => new OpenAI({ apiKey: key, baseURL: `${url}/v1`, maxRetries: 0, timeout: 60_000 }));
}

async function secretValues(fairway: TestStack, endpointId: string): Promise<string[]> {
  const kubeconfig = kubeconfigSchema.parse(JSON.parse(await readFile(kubeconfigOf(fairway.stack.plan), 'utf8')));
  const selector = encodeURIComponent(`fairway.dev/endpoint=${endpointId}`);
  const response = await fetch(`${kubeconfig.clusters[0]?.cluster.server}/api/v1/secrets?labelSelector=${selector}`, {
    headers: { authorization: `Bearer ${kubeconfig.users[0]?.user.token}` },
  });
  const { items } = secretsSchema.parse(await response.json());
  return items.flatMap(({ data }) => Object.values(data ?? {})).map((value) => Buffer.from(value, 'base64').toString());
}

async function workingKey(values: string[], url: string): Promise<string> {
  for (const value of values) {
    const response = await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${value}` } });
    await response.body?.cancel();
    if (response.ok) return value;
  }
  throw new Error('No Secret of the endpoint holds the key of its engines.');
}
