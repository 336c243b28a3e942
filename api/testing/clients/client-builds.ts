import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { environment } from '#shared/runtime/environment.ts';

const run = promisify(execFile);
const here = import.meta.dirname;

/** How a client is made in an empty folder, and what has to be there for it. */
interface ClientBuild {
  /** The program that shows whether the tool chain is there, and with which arguments. */
  needs: [program: string, ...args: string[]];
  /** Files that decide what is built. */
  recipe: readonly string[];
  /** What is run in the end, within the folder. */
  program: string;
  make(folder: string): Promise<unknown>;
}

/** Marks a folder whose client is complete. */
const ready = 'ready';

const goFiles = ['go.mod', 'go.sum', 'main.go'] as const;
const goBuild = (folder: string, name: string, source: string): Promise<unknown> =>
  run('go', ['build', '-trimpath', '-ldflags', '-s -w', '-o', join(folder, name), source], {
    cwd: here,
    env: { ...environment(), GOFLAGS: '-mod=readonly', GOTOOLCHAIN: 'local', CGO_ENABLED: '0' },
  });

/** A virtual environment with what a file of requirements names. */
const pythonBuild = (program: string, requirements: string): ClientBuild => ({
  needs: ['python3', '-m', 'venv', '--help'],
  recipe: [requirements],
  program,
  make: async (folder) => {
    await run('python3', ['-m', 'venv', folder]);
    await run(join(folder, 'bin/pip'), ['install', '-q', '-r', join(here, requirements)]);
  },
});

/**
 * DigitalOcean's clients that are not on npm, at the versions of `go.mod` and `requirements.txt`; and Schemathesis, which
 * asks whatever an OpenAPI document lets it.
 */
const builds = {
  godo: { needs: ['go', 'version'], recipe: goFiles, program: 'godo', make: (folder) => goBuild(folder, 'godo', '.') },
  doctl: {
    needs: ['go', 'version'],
    recipe: goFiles,
    program: 'doctl',
    make: (folder) => goBuild(folder, 'doctl', 'github.com/digitalocean/doctl/cmd/doctl'),
  },
  pydo: pythonBuild('bin/python', 'requirements.txt'),
  schemathesis: pythonBuild('bin/schemathesis', 'schemathesis.txt'),
} as const satisfies Record<string, ClientBuild>;

/** A client that is not on npm. */
export type BuiltClient = keyof typeof builds;

/** Their names. */
export const builtClients = Object.keys(builds) as BuiltClient[];

/** The program of a client that has been built on this machine, undefined when there is none. */
export async function findClient(name: BuiltClient): Promise<string | undefined> {
  const folder = await folderOf(name);
  return access(join(folder, ready)).then(
    () => join(folder, builds[name].program),
    () => undefined,
  );
}

/** Builds a client unless that has been done. False where its tool chain is missing. @throws when the build fails. */
export async function buildClient(name: BuiltClient): Promise<boolean> {
  if ((await findClient(name)) !== undefined) return true;
  const build: ClientBuild = builds[name];
  const [program, ...args] = build.needs;
  const found = await run(program, args).then(
    () => true,
    () => false,
  );
  if (!found) return false;
  // In place: a virtual environment knows its own path. It counts once the mark is there.
  const folder = await folderOf(name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await build.make(folder);
  await writeFile(join(folder, ready), '');
  return true;
}

async function folderOf(name: BuiltClient): Promise<string> {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  for (const file of builds[name].recipe) hash.update(await readFile(join(here, file)));
  const cache = environment()['FAIRWAY_CACHE'] ?? join(homedir(), '.cache', 'fairway');
  return join(cache, 'clients', `${name}-${hash.digest('hex').slice(0, 16)}`);
}
