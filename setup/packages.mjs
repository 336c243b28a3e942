import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { withLock } from './lock-file.mjs';
import { npm } from './npm.mjs';
import { platformKey } from './platform.mjs';
import { explainDisk, step } from './say.mjs';

/** Makes node_modules equal to package-lock.json for this platform; 10 ms when it already is. */
export async function ensurePackages(context) {
  if (isStamped(context.root)) return;
  const state = path.join(context.root, '.fairway');
  try {
    mkdirSync(state, { recursive: true });
    await withLock(context, path.join(state, 'packages.lock'), async () => {
      if (isStamped(context.root)) return;
      if (!isInstalled(context.root)) await install(context);
      mkdirSync(path.dirname(stampFile(context.root)), { recursive: true });
      writeFileSync(stampFile(context.root), wanted(context.root));
    });
  } catch (error) {
    throw explainDisk(error, context.root);
  }
}

function install(context) {
  return step('installing the packages of package-lock.json (npm ci)', () =>
    npm(context, ['ci', '--engine-strict=false', '--include=dev', '--include=optional'], context.root),
  );
}

function stampFile(root) {
  return path.join(root, 'node_modules', '.fairway-stamp');
}

function wanted(root) {
  return createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .update(platformKey())
    .digest('hex');
}

function isStamped(root) {
  return existsSync(stampFile(root)) && readFileSync(stampFile(root), 'utf8') === wanted(root);
}

/** Has the user already run npm here? npm writes its own record last, so a broken-off installation has none. */
function isInstalled(root) {
  const record = path.join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages;
  const here = JSON.parse(readFileSync(record, 'utf8')).packages;
  const sameVersions = Object.entries(here).every(([name, entry]) => lock[name]?.version === entry.version);
  const complete = Object.entries(lock).every(([name, entry]) => name === '' || name in here || entry.optional);
  return sameVersions && complete && bindingsFit(lock, here);
}

/** Of the per-platform packages, those that name this platform must be there, and no others. */
function bindingsFit(lock, here) {
  const [os, cpu, libc] = platformKey().split('-');
  const fits = (entry) => entry.os?.includes(os) && entry.cpu?.includes(cpu) && (entry.libc?.includes(libc) ?? true);
  return Object.entries(lock).every(([name, entry]) => !entry.os || !entry.cpu || fits(entry) === name in here);
}
