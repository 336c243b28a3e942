import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { parseJson } from '#shared/runtime/parse-json.ts';

/** How to reach and speak to one API server. `headers` is asked before each call, since tokens rotate. */
export interface KubeAccess {
  server: URL;
  tls: { ca?: string; cert?: string; key?: string; rejectUnauthorized?: boolean; servername?: string };
  headers(): Promise<Record<string, string>>;
}

/** What to read: a context other than the file's current one, and the client-node loader (replaced by tests). */
export interface KubeconfigOptions {
  context?: string | undefined;
  loadAnything?: (path: string, options: Omit<KubeconfigOptions, 'loadAnything'>) => Promise<KubeAccess>;
  /** An exec plug-in that has not answered by then is killed, milliseconds. */
  pluginTimeoutMs?: number;
}

/**
 * Reads a kubeconfig. A JSON file with a token or client certificate (what `loadtest/cluster` and most tools' `-o json`
 * write) is read here; everything else (YAML, exec plug-ins, OIDC, token files) goes to client-node, which is
 * imported only then: it costs half a second and 130 MB.
 * @throws a sentence that names the file and what is wrong.
 */
export async function loadKubeconfig(path: string, options: KubeconfigOptions = {}): Promise<KubeAccess> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new Error(`Cannot read the kubeconfig ${path}; check the path and that this user may read it.`, { cause });
  });
  const simple = await readSimple(text, path, options.context);
  return simple ?? (options.loadAnything ?? loadWithClientNode)(path, options);
}

const simpleUser = z.strictObject({
  token: z.string().optional(),
  'client-certificate': z.string().optional(),
  'client-certificate-data': z.string().optional(),
  'client-key': z.string().optional(),
  'client-key-data': z.string().optional(),
});

const simpleCluster = z.strictObject({
  server: z.url(),
  'certificate-authority': z.string().optional(),
  'certificate-authority-data': z.string().optional(),
  'insecure-skip-tls-verify': z.boolean().optional(),
  'tls-server-name': z.string().optional(),
});

const simpleConfig = z.object({
  'current-context': z.string().optional(),
  contexts: z.array(
    z.object({ name: z.string(), context: z.object({ cluster: z.string(), user: z.string().optional() }) }),
  ),
  clusters: z.array(z.object({ name: z.string(), cluster: z.unknown() })),
  users: z.array(z.object({ name: z.string(), user: z.unknown() })).optional(),
});

async function readSimple(text: string, path: string, wanted: string | undefined): Promise<KubeAccess | undefined> {
  const config = simpleConfig.safeParse(parseJson(text)).data;
  if (config === undefined) return undefined;
  const name = wanted ?? config['current-context'];
  const context = config.contexts.find((row) => row.name === name)?.context;
  if (context === undefined) {
    const known = config.contexts.map((row) => row.name).join(', ') || 'none';
    throw new Error(`The kubeconfig ${path} has no context ${name ?? '(none is current)'}; it has: ${known}.`);
  }
  const cluster = simpleCluster.safeParse(config.clusters.find((row) => row.name === context.cluster)?.cluster).data;
  const user = simpleUser.safeParse(config.users?.find((row) => row.name === context.user)?.user ?? {}).data;
  if (cluster === undefined || user === undefined) return undefined;
  const pem = (data: string | undefined, file: string | undefined): Promise<string | undefined> =>
    readPem({ data, file, path });
  const { token } = user;
  return {
    server: new URL(cluster.server),
    tls: compact({
      ca: await pem(cluster['certificate-authority-data'], cluster['certificate-authority']),
      cert: await pem(user['client-certificate-data'], user['client-certificate']),
      key: await pem(user['client-key-data'], user['client-key']),
      servername: cluster['tls-server-name'],
      rejectUnauthorized: cluster['insecure-skip-tls-verify'] === true ? false : undefined,
    }),
    headers: () => Promise.resolve(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
}

async function readPem(from: {
  data: string | undefined;
  file: string | undefined;
  path: string;
}): Promise<string | undefined> {
  if (from.data !== undefined) return Buffer.from(from.data, 'base64').toString('utf8');
  return from.file === undefined ? undefined : readFile(resolve(dirname(from.path), from.file), 'utf8');
}

async function loadWithClientNode(
  path: string,
  { context, pluginTimeoutMs = 10_000 }: KubeconfigOptions,
): Promise<KubeAccess> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  try {
    config.loadFromFile(path);
  } catch (error) {
    // A parser shows the lines around its find, and they may hold a token: neither they nor the cause may be logged.
    const [said] = String(error instanceof Error ? error.message : error).split('\n');
    throw new Error(`The file ${path} is no kubeconfig: ${said}`);
  }
  if (context !== undefined) config.setCurrentContext(context);
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new Error(
      `The kubeconfig ${path} has no cluster for the context ${config.getCurrentContext()}; name another context.`,
    );
  }
  if (cluster.proxyUrl !== undefined) {
    throw new Error(
      `The kubeconfig ${path} asks for the proxy ${cluster.proxyUrl}, which is not supported; remove proxy-url.`,
    );
  }
  boundPlugins(config, pluginTimeoutMs);
  const first = await authenticate(config);
  // Calls that need credentials at the same time share one run of a plug-in.
  let pending: ReturnType<typeof authenticate> | undefined;
  return {
    server: new URL(cluster.server),
    tls: compact({ ...first.tls, servername: cluster.tlsServerName }),
    async headers() {
      pending ??= authenticate(config).finally(() => (pending = undefined));
      return (await pending).headers;
    },
  };
}

/** client-node waits for an exec plug-in for ever: one that hangs is killed, so that the next call starts another. */
function boundPlugins(config: object, timeoutMs: number): void {
  const authenticators: unknown = Reflect.get(config, 'authenticators');
  const bounded = { timeout: timeoutMs, killSignal: 'SIGKILL' } as const;
  const execFn = (command: string, args: string[], options: object): ChildProcess =>
    spawn(command, args, { ...options, ...bounded });
  for (const authenticator of Array.isArray(authenticators) ? authenticators : [])
    if ('execFn' in authenticator) Object.assign(authenticator, { execFn });
}

/** The part of client-node's KubeConfig used here: it fills TLS material and the Authorization header in. */
interface Authenticator {
  applyToHTTPSOptions(options: object): Promise<void>;
}

const filledIn = z.object({
  ca: z.unknown().optional(),
  cert: z.unknown().optional(),
  key: z.unknown().optional(),
  rejectUnauthorized: z.boolean().optional(),
  auth: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
});

async function authenticate(
  config: Authenticator,
): Promise<{ tls: KubeAccess['tls']; headers: Record<string, string> }> {
  const options = {};
  await config.applyToHTTPSOptions(options);
  const { ca, cert, key, rejectUnauthorized, auth, headers } = filledIn.parse(options);
  const basic = auth === undefined ? {} : { authorization: `Basic ${Buffer.from(auth).toString('base64')}` };
  return {
    tls: compact({ ca: asText(ca), cert: asText(cert), key: asText(key), rejectUnauthorized }),
    headers: { ...basic, ...headers },
  };
}

function asText(pem: unknown): string | undefined {
  if (typeof pem === 'string') return pem;
  return Buffer.isBuffer(pem) ? pem.toString('utf8') : undefined;
}

type Compact<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function compact<T extends object>(fields: T): Compact<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Compact<T>;
}
