import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { ConfigError } from '#shared/runtime/config-error.ts';

const page = resolve(import.meta.dirname, '../../report/page/main.ts');

/**
 * Makes a page of kept runs in a folder, and returns what its command says: where it is.
 * @throws ConfigError where the packages that it draws with are not there, with the command that gets them
 */
export async function makePage(runs: readonly string[], out: string): Promise<string> {
  const args = [...runs, '--out', out];
  const made = promisify(execFile)(process.execPath, [page, ...args]);
  return made.then(
    ({ stdout }) => stdout,
    (error: unknown) => {
      if (!String(error).includes('ERR_MODULE_NOT_FOUND')) throw error;
      const command = ['node', 'setup.mjs', '--no-servers', 'loadtest/report/page/main.ts', ...args].join(' ');
      throw new ConfigError(
        `The page draws with packages that are not installed. This gets them, and makes it:\n${command}`,
      );
    },
  );
}
