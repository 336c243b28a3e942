import { setTimeout as sleep } from 'node:timers/promises';

/** A problem that the user can act on: shown as its sentence, without a stack. */
export class SetupError extends Error {}

/** One line of progress. It goes to stderr: the target's stdout stays the target's. */
export function say(text) {
  process.stderr.write(`fairway: ${text}\n`);
}

/** Does `work` while telling what it is, that it still goes on (every 5 s), and how long it took. */
export async function step(what, work) {
  const started = performance.now();
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`;
  const over = new AbortController();
  say(`${what} …`);
  void repeatUntil(over.signal, () => say(`still ${what}, ${seconds()} so far`));
  try {
    const result = await work();
    say(`${what}: done in ${seconds()}`);
    return result;
  } finally {
    over.abort();
  }
}

async function repeatUntil(signal, tell) {
  while (!signal.aborted) {
    await sleep(5000, undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) tell();
  }
}

/** A file system error as a sentence that says which folder, why, and what to do next; other errors as they are. */
export function explainDisk(error, folder) {
  const code = error?.code;
  const advice = 'Then run the same command again.';
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new SetupError(
      `The disk of ${folder} is full (${code}). Free about 1 GB there, or set FAIRWAY_CACHE to a folder on another disk. ${advice}`,
    );
  }
  if (['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ENOENT', 'EEXIST'].includes(code)) {
    return new SetupError(
      `The folder ${folder} cannot be written (${code}). Set FAIRWAY_CACHE to a folder that can, for example FAIRWAY_CACHE="$HOME/fairway-cache". ${advice}`,
    );
  }
  return error;
}
