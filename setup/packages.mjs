import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { withLock } from './lock-file.mjs';
import { npm } from './npm.mjs';
import { platformKey } from './platform.mjs';
import { explainDisk, step } from './say.mjs';

/**
 * Makes node_modules equal to package-lock.json for this platform, with or without (`noDev`) the packages that only tests
 * and checks need; 10 ms when it already is. Those that are there beyond what is asked for stay.
 */
export async function ensurePackages(context, { noDev }) {
  if (isStamped(context.root, noDev)) return;
  const state = path.join(context.root, '.fairway');
  try {
    mkdirSync(state, { recursive: true });
    await withLock(context, path.join(state, 'packages.lock'), async () => {
      if (isStamped(context.root, noDev)) return;
      if (!isInstalled(context.root, noDev)) await install(context, noDev);
      mkdirSync(path.dirname(stampFile(context.root)), { recursive: true });
      writeFileSync(stampFile(context.root), wanted(context.root, noDev));
    });
  } catch (error) {
    throw explainDisk(error, context.root);
  }
}

/** Where a stack may be running on the packages that are there, the others come beside them: `npm ci` would begin anew. */
function install(context, noDev) {
  const adds = !noDev && isInstalled(context.root, true);
  const command = adds ? ['install', '--no-save'] : ['ci'];
  return step(`installing the packages of package-lock.json (npm ${command[0]})`, () =>
    npm(
      context,
      [...command, '--engine-strict=false', noDev ? '--omit=dev' : '--include=dev', '--include=optional'],
      context.root,
    ),
  );
}

function stampFile(root) {
  return path.join(root, 'node_modules', '.fairway-stamp');
}

function wanted(root, noDev) {
  return createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .update(platformKey())
    .update(noDev ? 'without dev' : '')
    .digest('hex');
}

function isStamped(root, noDev) {
  if (!existsSync(stampFile(root))) return false;
  const stamp = readFileSync(stampFile(root), 'utf8');
  return stamp === wanted(root, false) || (noDev && stamp === wanted(root, true));
}

/** Has the user already run npm here? npm writes its own record last, so a broken-off installation has none. */
function isInstalled(root, noDev) {
  const record = path.join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages;
  const here = JSON.parse(readFileSync(record, 'utf8')).packages;
  const sameVersions = Object.entries(here).every(([name, entry]) => lock[name]?.version === entry.version);
  const asked = Object.fromEntries(Object.entries(lock).filter(([, entry]) => !(noDev && entry.dev)));
  const complete = Object.entries(asked).every(([name, entry]) => name === '' || name in here || entry.optional);
  return sameVersions && complete && bindingsFit(asked, here);
}

/** Of the per-platform packages, those that name this platform must be there, and no others. */
function bindingsFit(lock, here) {
  const [os, cpu, libc] = platformKey().split('-');
  const fits = (entry) => entry.os?.includes(os) && entry.cpu?.includes(cpu) && (entry.libc?.includes(libc) ?? true);
  return Object.entries(lock).every(([name, entry]) => !entry.os || !entry.cpu || fits(entry) === name in here);
}
