import { lookAt } from '#loadtest/cluster/client/kubeconfig.ts';
import { z } from 'zod';

const secretsSchema = z.object({ items: z.array(z.object({ data: z.record(z.string(), z.string()).optional() })) });

/**
 * The key that opens the engines of an endpoint, read from its Secrets as an operator could, for baselines that go past
 * the router. @throws when none of them opens the replica at `url`.
 */
export async function engineKey(kubeconfigPath: string, endpointId: string, url: string): Promise<string> {
  const selector = encodeURIComponent(`fairway.dev/endpoint=${endpointId}`);
  const { items } = secretsSchema.parse(await lookAt(kubeconfigPath, `/api/v1/secrets?labelSelector=${selector}`));
  for (const value of items.flatMap(({ data }) => Object.values(data ?? {}))) {
    const key = Buffer.from(value, 'base64').toString();
    const response = await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
    await response.body?.cancel();
    if (response.ok) return key;
  }
  throw new Error(`No Secret of the endpoint holds the key of its engine ${url}.`);
}
