import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { say } from './say.mjs';

/** Longer than any owner may work (npm has 15 minutes): an older lock is a dead one's whose process id lives again. */
const oldestMs = 20 * 60_000;

/** Does `work` while a file names us as its owner. The lock of a set-up that was killed is taken over. */
export async function withLock(context, file, work) {
  const mine = `${hostname()} ${process.pid}`;
  for (let told = false; !(await create(file, mine)); await sleep(100, undefined, { signal: context.signal })) {
    const owner = await readFile(file, 'utf8').catch(() => '');
    if (await isDead(file, owner)) await takeFrom(file, owner);
    else if (owner && !told) say(`waiting for another set-up (${owner}) that is doing the same`);
    told ||= owner !== '';
  }
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

async function create(file, owner) {
  const error = await writeFile(file, owner, { flag: 'wx' }).catch((reason) => reason);
  if (error && error.code !== 'EEXIST') throw error;
  return !error;
}

async function isDead(file, owner) {
  const [host, pid] = owner.split(' ');
  const age = Date.now() - (await stat(file).catch(() => undefined))?.mtimeMs;
  return age > oldestMs || (host === hostname() && !isRunning(Number(pid)));
}

export function isRunning(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Several may find the same owner dead: each moves the file away first, and puts back what is not the dead one's. */
async function takeFrom(file, dead) {
  const moved = `${file}.${process.pid}`;
  if (
    !(await rename(file, moved).then(
      () => true,
      () => false,
    ))
  )
    return;
  if ((await readFile(moved, 'utf8')) === dead) {
    say(`taking over from a set-up that was killed (${dead})`);
    await rm(moved);
  } else await rename(moved, file);
}
