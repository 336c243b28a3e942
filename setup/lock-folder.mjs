import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError, say } from './say.mjs';

const beatMs = 5000;
const silentMs = 60_000;
const longestWaitMs = 15 * 60_000;

/**
 * Does `work` while holding a lock folder with its owner's name in it. The folder appears by one rename, owner included.
 * A lock whose owner is dead (same machine: no such process, or one that started at another time; elsewhere: no sign of
 * life for 60 s) is taken over.
 */
export async function withLock(context, folder, work) {
  await acquire(context, folder);
  const over = new AbortController();
  void beat(folder, over.signal);
  try {
    return await work();
  } finally {
    over.abort();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function acquire(context, folder) {
  const started = performance.now();
  let told = 0;
  mkdirSync(path.dirname(folder), { recursive: true });
  while (!tryToTake(folder)) {
    context.signal.throwIfAborted();
    const owner = readOwner(folder);
    if (owner && isGone(owner, folder) && removeDead(folder, owner)) continue;
    const waitedMs = performance.now() - started;
    if (waitedMs > longestWaitMs) {
      throw new SetupError(
        `Another set-up (process ${owner?.pid}) has held ${folder} for ${Math.round(waitedMs / 60_000)} minutes. End it, or remove that folder, then run the same command again.`,
      );
    }
    if (owner && waitedMs >= told) {
      say(
        `waiting for another set-up (process ${owner.pid}) that is doing the same, ${Math.round(waitedMs / 1000)} s so far`,
      );
      told += beatMs;
    }
    await sleep(100, undefined, { signal: context.signal });
  }
}

function tryToTake(folder) {
  const mine = `${folder}.${process.pid}`;
  rmSync(mine, { recursive: true, force: true });
  mkdirSync(mine);
  writeFileSync(
    path.join(mine, 'owner.json'),
    JSON.stringify({ pid: process.pid, started: startOf(process.pid), machine: machine() }),
  );
  try {
    renameSync(mine, folder);
    return true;
  } catch (error) {
    rmSync(mine, { recursive: true, force: true });
    if (error.code === 'ENOTEMPTY' || error.code === 'EEXIST') return false;
    throw error;
  }
}

function readOwner(folder) {
  try {
    return JSON.parse(readFileSync(path.join(folder, 'owner.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

function isGone(owner, folder) {
  if (owner.machine === machine()) return startOf(owner.pid) !== owner.started;
  try {
    return Date.now() - statSync(path.join(folder, 'owner.json')).mtimeMs > silentMs;
  } catch {
    return false;
  }
}

/** Two may find the same owner dead; the folder `.dying` lets one of them remove it, and that one looks again first. */
function removeDead(folder, dead) {
  const dying = `${folder}.dying`;
  try {
    mkdirSync(dying);
  } catch {
    if (Date.now() - (statSync(dying, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > silentMs)
      rmSync(dying, { recursive: true, force: true });
    return false;
  }
  const owner = readOwner(folder);
  const still = owner?.pid === dead.pid && owner.started === dead.started;
  if (still) {
    say(`taking over from a set-up that was killed (process ${dead.pid})`);
    rmSync(folder, { recursive: true, force: true });
  }
  rmSync(dying, { recursive: true, force: true });
  return still;
}

async function beat(folder, signal) {
  while (!signal.aborted) {
    await sleep(beatMs, undefined, { signal, ref: false }).catch(() => undefined);
    try {
      if (!signal.aborted) utimesSync(path.join(folder, 'owner.json'), new Date(), new Date());
    } catch {
      return;
    }
  }
}

/** When a process started, in the kernel's own words; undefined when there is no such process. */
function startOf(pid) {
  try {
    if (process.platform === 'linux')
      return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ')[19];
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}

/** Process ids mean something only within one boot of one machine, and within one container. */
function machine() {
  try {
    return [
      hostname(),
      readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
      readlinkSync('/proc/self/ns/pid'),
    ].join(' ');
  } catch {
    return hostname();
  }
}
