import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { explainDisk } from './say.mjs';
import { withLock } from './lock-folder.mjs';

/** Where downloads are kept between checkouts: FAIRWAY_CACHE, else the user's cache folder. */
export function cacheFolder(env) {
  if (env.FAIRWAY_CACHE) return path.resolve(env.FAIRWAY_CACHE);
  return path.join(env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'fairway');
}

/**
 * The folder `entry` of the cache, made by `fill(temporary folder)` when it is missing. It is renamed into place when it
 * is complete, so a kill at any moment leaves either nothing or all of it; a lock keeps two set-ups from doing it twice.
 */
export async function cached(context, entry, fill) {
  const folder = path.join(context.cache, entry);
  if (existsSync(folder)) return folder;
  try {
    await mkdir(path.dirname(folder), { recursive: true });
    const name = entry.replaceAll(path.sep, '-');
    await withLock(context, path.join(context.cache, 'locks', name), async () => {
      if (!existsSync(folder)) await fillAndPublish(path.join(context.cache, 'tmp', name), folder, fill);
    });
  } catch (error) {
    throw explainDisk(error, context.cache);
  }
  return folder;
}

/** What a killed set-up left in the temporary folder is removed here: its lock is ours now. */
async function fillAndPublish(temporary, folder, fill) {
  await rm(temporary, { recursive: true, force: true, maxRetries: 10 });
  await mkdir(temporary, { recursive: true });
  try {
    await rename(await fill(temporary), folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
