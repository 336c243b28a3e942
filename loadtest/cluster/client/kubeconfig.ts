import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { KubeHttp, type KubeEndpoint } from './kube-http.ts';

const fileSchema = z.object({
  clusters: z.tuple([
    z.object({ cluster: z.object({ server: z.string(), 'certificate-authority': z.string().optional() }) }),
  ]),
  users: z.tuple([z.object({ user: z.object({ token: z.string() }) })]),
});

/** Client-go's format; JSON is YAML, so every client reads it. `caFile` is the server's authority, for https. */
export async function writeKubeconfig(
  path: string,
  { url, token, caFile }: { url: string; token: string; caFile?: string },
): Promise<void> {
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'fairway',
    clusters: [{ name: 'fairway', cluster: { server: url, 'certificate-authority': caFile } }],
    users: [{ name: 'fairway', user: { token } }],
    contexts: [{ name: 'fairway', context: { cluster: 'fairway', user: 'fairway' } }],
  };
  await writeFile(path, `${JSON.stringify(kubeconfig, null, 2)}\n`, { mode: 0o600 });
}

/** Server, token and authority out of a kubeconfig in JSON, as `writeKubeconfig` writes it. */
export async function readKubeconfig(path: string): Promise<KubeEndpoint> {
  const { clusters, users } = fileSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  const { server, 'certificate-authority': authority } = clusters[0].cluster;
  const caPem = authority === undefined ? undefined : await readFile(authority, 'utf8');
  return { url: server, token: users[0].user.token, caPem };
}

/** What the cluster of a kubeconfig answers to a GET, for looks from outside. @throws unless it is a 2xx. */
export async function lookAt(kubeconfigPath: string, path: string): Promise<unknown> {
  await using kube = new KubeHttp(await readKubeconfig(kubeconfigPath));
  const { code, body } = await kube.send('GET', path, { signal: AbortSignal.timeout(5000) });
  if (code < 200 || code > 299) throw new Error(`${path} answered ${code}`);
  return body;
}
