import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { isRunning } from './lock-file.mjs';
import { explainDisk } from './say.mjs';

/** Where downloads are kept between checkouts: FAIRWAY_CACHE, else the user's cache folder. */
export function cacheFolder(env) {
  if (env.FAIRWAY_CACHE) return path.resolve(env.FAIRWAY_CACHE);
  return path.join(env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'fairway');
}

/**
 * The folder `entry` of the cache, made by `fill(temporary folder)` when it is missing. It is renamed into place when it
 * is complete, so a kill at any moment leaves either nothing or all of it. Two set-ups at once may both fill one; the
 * later one's is thrown away.
 */
export async function cached(context, entry, fill) {
  const folder = path.join(context.cache, entry);
  if (existsSync(folder)) return folder;
  const temporary = path.join(context.cache, 'tmp', `${entry.replaceAll(path.sep, '-')}.${process.pid}`);
  try {
    await sweepDead(path.dirname(temporary));
    await mkdir(temporary, { recursive: true });
    await mkdir(path.dirname(folder), { recursive: true });
    await publish(await fill(temporary), folder);
  } catch (error) {
    throw explainDisk(error, context.cache);
  } finally {
    await rm(temporary, { recursive: true, force: true, maxRetries: 10 }).catch(() => undefined);
  }
  return folder;
}

async function publish(filled, folder) {
  try {
    await rename(filled, folder);
  } catch (error) {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  }
}

/** Removes what set-ups that were killed have left. */
async function sweepDead(folder) {
  const names = await readdir(folder).catch(() => []);
  const dead = names.filter((name) => !isRunning(Number(name.split('.').at(-1))));
  await Promise.all(dead.map((name) => rm(path.join(folder, name), { recursive: true, force: true, maxRetries: 10 })));
}
