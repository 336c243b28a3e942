import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
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

type Environment = Readonly<Record<string, string | undefined>>;

/** What a control plane consists of, and what tests speak to it with. */
const programs = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubectl'];

/** Of Kubernetes 1.x: it has ValidatingAdmissionPolicy v1, which Fairway's fence is made of. */
export const oldestMinor = 30;

/**
 * A folder with the programs of a control plane: that of KUBEBUILDER_ASSETS, else what `kubelab/build.sh` has built on this
 * machine, else one on the PATH. One with an API server and etcd alone, as envtest has them, is no control plane: nothing
 * in it makes pods, takes away what has lost its owner, or ends namespaces. @throws KubernetesMissingError
 */
export async function findKubernetes(env: Environment = process.env): Promise<string> {
  const assets = env['KUBEBUILDER_ASSETS'];
  const given = assets === undefined || assets === '' ? undefined : resolve(assets);
  const lack = given === undefined ? undefined : await lackOf(given);
  if (given !== undefined && lack === undefined) return given;
  const [go, built] = await goEnv(env).then(
    async (version) => [undefined, await builtFolder(version, env)] as const,
    (error: KubernetesMissingError) => [error, undefined] as const,
  );
  const onPath = (env['PATH'] ?? '').split(delimiter).filter(Boolean);
  for (const folder of built === undefined ? onPath : [built, ...onPath])
    if ((await lackOf(folder)) === undefined) return resolve(folder);
  const reasons = lack === undefined ? '' : `KUBEBUILDER_ASSETS is ${given}, which ${lack}; and `;
  const how = `npm run dev -- --cluster real, or npm test -- --all, which build it (${buildCost})`;
  throw new KubernetesMissingError(`${reasons}${go?.message ?? 'it is not built yet on this machine'}`, go?.how ?? how);
}

/** Why the programs in a folder do not do; undefined when they do. */
async function lackOf(folder: string): Promise<string | undefined> {
  const there = await readdir(folder).catch((): string[] => []);
  const missing = programs.filter((program) => !there.includes(program));
  if (missing.length > 0) return `has no ${missing.join(', ')}`;
  const { stdout } = await run(join(folder, 'kube-apiserver'), ['--version']).catch((error: unknown) => ({
    stdout: String(error),
  }));
  const minor = /^Kubernetes v1\.(\d+)\./.exec(stdout)?.[1];
  if (minor === undefined) return `has a kube-apiserver that does not run here: ${stdout.trim()}`;
  return Number(minor) < oldestMinor ? `is ${stdout.trim()}; 1.${oldestMinor} or newer is needed` : undefined;
}

/** Version and target of a Go that can build. @throws KubernetesMissingError when there is none, or an older one than `go.mod` asks. */
export async function goEnv(env: Environment = process.env): Promise<string> {
  const [, major, minor] = /^go (\d+)\.(\d+)/m.exec(await readFile(join(recipe, 'go.mod'), 'utf8')) ?? [];
  const how = `install Go ${major}.${minor} or later (https://go.dev/dl), put it on the PATH and run the command again`;
  const local = { ...env, GOTOOLCHAIN: 'local' };
  const asked = run('go', ['env', 'GOVERSION', 'GOOS', 'GOARCH'], { cwd: tmpdir(), env: local });
  const { stdout } = await asked.catch((cause: unknown) => {
    throw new KubernetesMissingError('it is built with Go, which is not on the PATH', how, { cause });
  });
  const [, foundMajor, foundMinor] = /^go(\d+)\.(\d+)/.exec(stdout) ?? [];
  if (Number(foundMajor) * 1000 + Number(foundMinor) >= Number(major) * 1000 + Number(minor)) return stdout;
  throw new KubernetesMissingError(`it is built with Go, and ${stdout.split('\n')[0]} is too old`, how);
}

/** Same key as build.sh: Go's version and target, then all inputs in the order of the shell's glob. */
async function builtFolder(go: string, env: Environment): Promise<string> {
  const root = join(env['FAIRWAY_CACHE'] ?? join(homedir(), '.cache', 'fairway'), 'kube');
  const sources = (await readdir(recipe)).filter((name) => name.endsWith('.go')).toSorted();
  const hash = createHash('sha256').update(go);
  for (const name of ['go.mod', 'go.sum', ...sources, 'build.sh']) hash.update(await readFile(join(recipe, name)));
  const version = /^\s*k8s\.io\/kubernetes (v[\d.]+)$/m.exec(await readFile(join(recipe, 'go.mod'), 'utf8'))?.[1];
  return join(root, `${version}-${hash.digest('hex').slice(0, 16)}`);
}
