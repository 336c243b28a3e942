import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { access, readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { KubeEndpoint } from '../client/kube-http.ts';

const run = promisify(execFile);
const recipe = join(import.meta.dirname, '../kubelab');

/** Says what is missing; `how` says how to get it. */
export class KubelabMissingError extends Error {
  override name = 'KubelabMissingError';
  readonly how = 'npm test -- --all, with Go ≥ 1.26 on the PATH (once per machine: 4 to 15 minutes, 4 GB of disk)';
}

/**
 * The path of the kubelab binary (kube-apiserver, etcd, controllers and scheduler in one): from the cache, or built
 * when `build` is set, which needs Go ≥ 1.26 and takes 4 to 15 minutes once per machine.
 * @throws KubelabMissingError with the reason and the next command.
 */
export async function findKubelab(options: { build: boolean }): Promise<string> {
  const cached = await cachedBinary();
  if (cached !== undefined) return cached;
  if (!options.build) throw new KubelabMissingError('it is not built yet on this machine');
  try {
    const { stdout } = await run(join(recipe, 'build.sh'), { maxBuffer: 64 * 1024 * 1024 });
    return stdout.trim();
  } catch (error) {
    throw new KubelabMissingError(`the real kube-apiserver could not be built (is Go ≥ 1.26 on the PATH?)`, {
      cause: error,
    });
  }
}

/** Same key as build.sh: Go's version and target, then all inputs in the order of the shell's glob. */
async function cachedBinary(): Promise<string | undefined> {
  const root = join(process.env['FAIRWAY_CACHE'] ?? join(homedir(), '.cache', 'fairway'), 'kube');
  try {
    const { stdout } = await run('go', ['env', 'GOVERSION', 'GOOS', 'GOARCH']);
    const sources = (await readdir(recipe)).filter((name) => name.endsWith('.go')).toSorted();
    const hash = createHash('sha256').update(stdout);
    for (const name of ['go.mod', 'go.sum', ...sources, 'build.sh']) hash.update(await readFile(join(recipe, name)));
    const version = /^\s*k8s\.io\/kubernetes (v[\d.]+)$/m.exec(await readFile(join(recipe, 'go.mod'), 'utf8'))?.[1];
    const path = join(root, `${version}-${hash.digest('hex').slice(0, 16)}`, 'kubelab');
    await access(path);
    return path;
  } catch {
    return undefined;
  }
}

/**
 * Starts a real cluster without kubelet in a temporary folder; it ends when this process ends, however it ends. `apiArgs`
 * are more flags of kube-apiserver.
 */
export async function startKubelab(
  binary: string,
  apiArgs: readonly string[] = [],
): Promise<KubeEndpoint & AsyncDisposable> {
  const child = spawn(binary, ['up', '-stdin', '-api-args', apiArgs.join(' ')], { stdio: ['pipe', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (log = (log + text).slice(-4000)));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await Promise.race([lines.next(), exited]);
  if (Array.isArray(first) || first.done === true) throw new Error(`kubelab ended before it was ready:\n${log}`);
  const { server, token, ca } = JSON.parse(first.value) as { server: string; token: string; ca: string };
  return {
    url: server,
    token,
    caPem: await readFile(ca, 'utf8'),
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await exited;
    },
  };
}
