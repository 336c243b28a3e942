import { execFile } from 'node:child_process';
import { relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { RunAbout } from './run-folder.ts';

/** Of a run that begins now, out of this checkout. */
export async function aboutRun(run: Pick<RunAbout, 'name' | 'mode' | 'scenario' | 'command'>): Promise<RunAbout> {
  return { v: 1, ...run, commit: await checkedOut(), startedAt: new Date().toISOString() };
}

/** The commit of this checkout, with a mark where files have changed since; `unknown` outside of git. */
export async function checkedOut(): Promise<string> {
  const described = promisify(execFile)('git', ['describe', '--always', '--dirty', '--abbrev=8', '--exclude=*'], {
    cwd: import.meta.dirname,
  });
  return described.then(
    ({ stdout }) => stdout.trim(),
    () => 'unknown',
  );
}

/** A Node program and its arguments as a line for a shell, from the root of a checkout. `argv`: of its process. */
export function shellLine([, program = '', ...words]: readonly string[]): string {
  const quoted = words.map((word) =>
    /^[\w.,:=/@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`,
  );
  return ['node', relative(resolve(import.meta.dirname, '../..'), program), ...quoted].join(' ');
}
