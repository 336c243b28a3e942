import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { parseJson } from '#shared/runtime/parse-json.ts';
import { ConfigError } from '#shared/runtime/read-config.ts';
import { KubeHttp, type KubeEndpoint } from './kube-http.ts';

const ownName = 'fairway';

/** Client-go's format; JSON is YAML, so every client reads it. `caFile` is the server's authority, for https. */
export async function writeKubeconfig(
  path: string,
  { url, token, caFile }: { url: string; token: string; caFile?: string },
): Promise<void> {
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': ownName,
    clusters: [{ name: ownName, cluster: { server: url, 'certificate-authority': caFile } }],
    users: [{ name: ownName, user: { token } }],
    contexts: [{ name: ownName, context: { cluster: ownName, user: ownName } }],
  };
  await writeFile(path, `${JSON.stringify(kubeconfig, null, 2)}\n`, { mode: 0o600 });
}

const ownSchema = z.object({
  'current-context': z.literal(ownName),
  clusters: z.tuple([
    z.object({ cluster: z.strictObject({ server: z.string(), 'certificate-authority': z.string().optional() }) }),
  ]),
  users: z.tuple([z.object({ user: z.strictObject({ token: z.string() }) })]),
});

/** An API server as a kubeconfig describes it; `context` is the one that is current there. */
export type KubeconfigEndpoint = KubeEndpoint & { context: string };

/**
 * The current context of a kubeconfig: at once when `writeKubeconfig` wrote it, else by client-node, which costs half a
 * second and 130 MB. @throws ConfigError that names the file and says what is wrong with it.
 */
export async function readKubeconfig(path: string): Promise<KubeconfigEndpoint> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new ConfigError(`The kubeconfig ${path} cannot be read: ${reasonOf(cause)}`);
  });
  const own = ownSchema.safeParse(parseJson(text)).data;
  if (own === undefined) return readForeign(path);
  const { server, 'certificate-authority': authority } = own.clusters[0].cluster;
  const tls = authority === undefined ? {} : { ca: await readFile(authority, 'utf8') };
  return { url: server, token: own.users[0].user.token, tls, context: ownName };
}

const pem = z
  .union([z.string(), z.instanceof(Buffer)])
  .transform(String)
  .nullish();

/** What client-node makes of user and cluster for node:https. */
const filledIn = z.object({
  ca: pem,
  cert: pem,
  key: pem,
  servername: z.string().optional(),
  rejectUnauthorized: z.boolean().optional(),
  headers: z.object({ Authorization: z.string().optional() }).default({}),
});

/** Longest wait for a plug-in that gets credentials, milliseconds. */
const pluginTimeoutMs = 30_000;

async function readForeign(path: string): Promise<KubeconfigEndpoint> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  try {
    config.loadFromFile(path);
  } catch (error) {
    // A parser shows the lines around its find, and they may hold a token.
    throw new ConfigError(`${path} is no kubeconfig: ${reasonOf(error).split('\n')[0]}`);
  }
  const context = config.getCurrentContext() as string | undefined;
  const cluster = config.getCurrentCluster();
  if (context === undefined || context === '' || cluster === null) {
    const known = config.getContexts().map(({ name }) => name);
    const what =
      context === undefined || context === '' ? 'no current context' : `no context "${context}" with a cluster`;
    const next = `Next: kubectl --kubeconfig ${path} config use-context ${known[0] ?? 'NAME'}`;
    throw new ConfigError(`The kubeconfig ${path} has ${what}; it has: ${known.join(', ') || 'none'}.\n${next}`);
  }
  const options = {};
  const late = AbortSignal.timeout(pluginTimeoutMs);
  const tooLate = new Promise<never>((_, reject) => late.addEventListener('abort', () => reject(late.reason as Error)));
  await Promise.race([config.applyToHTTPSOptions(options), tooLate]).catch((error: unknown) => {
    throw new ConfigError(`The user of context "${context}" in ${path} could not be authenticated: ${reasonOf(error)}`);
  });
  const { headers, ...material } = filledIn.parse(options);
  const given = Object.entries(material).filter(([, value]) => value !== undefined && value !== null);
  const tls = Object.fromEntries(given) as NonNullable<KubeEndpoint['tls']>;
  const token = headers.Authorization?.replace(/^Bearer /, '');
  return { url: cluster.server, token, tls, context };
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What the cluster of a kubeconfig answers to a GET, for looks from outside. @throws unless it is a 2xx. */
export async function lookAt(kubeconfigPath: string, path: string): Promise<unknown> {
  await using kube = new KubeHttp(await readKubeconfig(kubeconfigPath));
  const { code, body } = await kube.send('GET', path, { signal: AbortSignal.timeout(5000) });
  if (code < 200 || code > 299) throw new Error(`${path} answered ${code}`);
  return body;
}
