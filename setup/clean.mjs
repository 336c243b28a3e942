import { existsSync, readdirSync, rmdirSync, rmSync, lstatSync } from 'node:fs';
import path from 'node:path';
import { explainDisk, say } from './say.mjs';

/** What is kept in the cache: by set-up, by Node (compiled sources), by the builds of the real kube-apiserver and of DigitalOcean's clients. */
const cached = ['node', 'servers', 'compile', 'kube', 'clients', 'tmp'];

/**
 * Removes the user's cache, this checkout's state and its npm stamp. Of the cache only what we put there: FAIRWAY_CACHE may
 * name a folder that holds other things.
 */
export function clean(context) {
  const kept = [
    ...cached.map((name) => path.join(context.cache, name)),
    path.join(context.root, '.fairway'),
    path.join(context.root, 'node_modules', '.fairway-stamp'),
  ];
  const there = kept.filter((entry) => existsSync(entry));
  for (const entry of there) {
    const megabytes = (sizeOf(entry) / 1e6).toFixed(1);
    try {
      rmSync(entry, { recursive: true, force: true });
    } catch (error) {
      throw explainDisk(error, entry);
    }
    say(`removed ${entry} (${megabytes} MB)`);
  }
  if (existsSync(context.cache) && readdirSync(context.cache).length === 0) rmdirSync(context.cache);
  if (there.length === 0) say('nothing to remove');
  say('node_modules stays; remove it yourself if you want it gone');
}

function sizeOf(entry) {
  const status = lstatSync(entry, { throwIfNoEntry: false });
  if (!status?.isDirectory()) return status?.size ?? 0;
  return readdirSync(entry).reduce((sum, name) => sum + sizeOf(path.join(entry, name)), 0);
}
