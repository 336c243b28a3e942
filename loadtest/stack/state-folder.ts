import { mkdir, mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ConfigError } from '#shared/runtime/read-config.ts';

const prefix = 'fairway-dev-';

/** The folder that a stack keeps everything in; a temporary one is removed at the end. */
export interface StateFolder extends AsyncDisposable {
  path: string;
  kept: boolean;
}

/**
 * Makes the folder, and for a kept one takes its lock.
 * @throws ConfigError when another stack uses it, or it cannot be written (no room, no permission).
 */
export async function openStateFolder(keep: string | undefined): Promise<StateFolder> {
  if (keep === undefined) await sweepDead();
  const path = keep === undefined ? await explained(mkdtemp(join(tmpdir(), prefix))) : resolve(keep);
  await explained(mkdir(join(path, 'logs'), { recursive: true, mode: 0o700 }));
  const lock = join(path, 'lock');
  await takeLock(lock, path);
  return {
    path,
    kept: keep !== undefined,
    async [Symbol.asyncDispose]() {
      if (keep === undefined) await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
      else await rm(lock, { force: true });
    },
  };
}

/** Removes what stacks that were killed outright have left; a folder whose owner lives, or that has no lock yet, stays. */
async function sweepDead(): Promise<void> {
  const names = await readdir(tmpdir()).catch(() => []);
  for (const name of names.filter((each) => each.startsWith(prefix))) {
    const owner = Number(await readFile(join(tmpdir(), name, 'lock'), 'utf8').catch(() => ''));
    if (owner > 0 && !isAlive(owner)) await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => {});
  }
}

async function takeLock(lock: string, path: string): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const file = await open(lock, 'wx', 0o600).catch(() => undefined);
    if (file !== undefined) {
      await explained(file.writeFile(String(process.pid)));
      await file.close();
      return;
    }
    const owner = Number(await readFile(lock, 'utf8').catch(() => ''));
    if (owner > 0 && isAlive(owner))
      throw new ConfigError(
        `Another Fairway (process ${owner}) uses the state in ${path}.\nNext: stop it, or npm run dev -- --keep --state-dir ANOTHER_FOLDER --port 8800`,
      );
    await rm(lock, { force: true });
  }
  throw new ConfigError(`The lock ${lock} could not be taken. Remove that file and run the command again.`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function explained<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOSPC')
      throw new ConfigError(
        'The disk is full. Free some space (npm run clean removes every cache of Fairway), then run the command again.',
      );
    if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM')
      throw new ConfigError(
        `The state folder cannot be written (${String(error)}).\nNext: set TMPDIR to a folder of yours, or use --keep --state-dir FOLDER.`,
      );
    throw error;
  }
}
