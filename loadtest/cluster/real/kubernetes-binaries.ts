import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What builds the programs. */
export const recipe = join(import.meta.dirname, '../kubelab');

/** What the build costs, for whoever waits for it. */
export const buildCost =
  'once per machine: 4 to 15 minutes, 90 MB of downloads, 4 GB of disk and 3 GB of memory while it builds, 150 MB of disk afterwards';

/** Why there is no real control plane on this machine; `how` says what to do about it. */
export class KubernetesMissingError extends Error {
  override name = 'KubernetesMissingError';
  readonly how: string;

  constructor(message: string, how: string, options?: ErrorOptions) {
    super(message, options);
    this.how = how;
  }
}

/**
 * The folder with etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kubectl that `kubelab/build.sh` has
 * built on this machine. @throws KubernetesMissingError
 */
export async function findKubernetes(): Promise<string> {
  const folder = await builtFolder(await goEnv());
  const programs = await readdir(folder).catch((): string[] => []);
  if (programs.includes('kube-apiserver')) return folder;
  const how = `npm run dev -- --cluster real, or npm test -- --all, which build it (${buildCost})`;
  throw new KubernetesMissingError('it is not built yet on this machine', how);
}

/** Version and target of a Go that can build. @throws KubernetesMissingError when there is none, or an older one than `go.mod` asks. */
export async function goEnv(): Promise<string> {
  const [, major, minor] = /^go (\d+)\.(\d+)/m.exec(await readFile(join(recipe, 'go.mod'), 'utf8')) ?? [];
  const how = `install Go ${major}.${minor} or later (https://go.dev/dl), put it on the PATH and run the command again`;
  const env = { ...process.env, GOTOOLCHAIN: 'local' };
  const asked = run('go', ['env', 'GOVERSION', 'GOOS', 'GOARCH'], { cwd: tmpdir(), env });
  const { stdout } = await asked.catch((cause: unknown) => {
    throw new KubernetesMissingError('it is built with Go, which is not on the PATH', how, { cause });
  });
  const [, foundMajor, foundMinor] = /^go(\d+)\.(\d+)/.exec(stdout) ?? [];
  if (Number(foundMajor) * 1000 + Number(foundMinor) >= Number(major) * 1000 + Number(minor)) return stdout;
  throw new KubernetesMissingError(`it is built with Go, and ${stdout.split('\n')[0]} is too old`, how);
}

/** Same key as build.sh: Go's version and target, then all inputs in the order of the shell's glob. */
async function builtFolder(go: string): Promise<string> {
  const root = join(process.env['FAIRWAY_CACHE'] ?? join(homedir(), '.cache', 'fairway'), 'kube');
  const sources = (await readdir(recipe)).filter((name) => name.endsWith('.go')).toSorted();
  const hash = createHash('sha256').update(go);
  for (const name of ['go.mod', 'go.sum', ...sources, 'build.sh']) hash.update(await readFile(join(recipe, name)));
  const version = /^\s*k8s\.io\/kubernetes (v[\d.]+)$/m.exec(await readFile(join(recipe, 'go.mod'), 'utf8'))?.[1];
  return join(root, `${version}-${hash.digest('hex').slice(0, 16)}`);
}
