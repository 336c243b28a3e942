import OpenAI from 'openai';
import { kubeconfigOf } from '#loadtest/stack/processes.ts';
import { engineKey } from '#loadtest/workload/engine-key.ts';
import type { TestStack } from './test-stack.ts';

/**
 * One client per replica that goes past the router, for baselines. It asks again: an engine closes a kept connection after
 * seconds, and on a busy machine just as it is used.
 */
export async function directClients(fairway: TestStack, endpointId: string): Promise<OpenAI[]> {
  const replicas = await fairway.replicas(endpointId);
  const apiKey = await engineKey(kubeconfigOf(fairway.stack.plan), endpointId, replicas[0]?.url ?? '');
  return replicas.map(({ url }) => new OpenAI({ apiKey, baseURL: `${url}/v1`, maxRetries: 3, timeout: 60_000 }));
}
