import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { explainDisk, say } from './say.mjs';

/** Removes what set-up and the development stack keep: the user's cache, this checkout's state and its npm stamp. */
export function clean(context) {
  const kept = [
    context.cache,
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
  if (there.length === 0) say('nothing to remove');
  say('node_modules stays; remove it yourself if you want it gone');
}

function sizeOf(entry) {
  const status = statSync(entry, { throwIfNoEntry: false });
  if (!status?.isDirectory()) return status?.size ?? 0;
  return readdirSync(entry).reduce((sum, name) => sum + sizeOf(path.join(entry, name)), 0);
}
