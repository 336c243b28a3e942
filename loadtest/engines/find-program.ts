import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { isOlder, type EngineOffer } from '#shared/contract/catalogue/engines.ts';
import { ConfigError } from '#shared/runtime/read-config.ts';

const run = promisify(execFile);

/** A program that the user has installed, or names in an environment variable. */
export interface WantedProgram {
  name: string;
  variable: string;
  /** What `--version` prints of it, with the version as its group. */
  version: RegExp;
  oldest: EngineOffer['oldest'];
  /** How people get it. */
  byHand: string;
}

/** How long `--version` may take: Python programs import for half a minute on a busy machine. */
const versionTimeoutMs = 120_000;

/**
 * The program that the variable names, else the first one on the PATH. The version is undefined when the program does not
 * know its own, as one that was built from an archive.
 * @throws ConfigError when there is none, it does not run here, or it is too old.
 */
export async function findProgram(
  { name, variable, version, oldest, byHand }: WantedProgram,
  env: Readonly<Record<string, string | undefined>>,
): Promise<{ file: string; version: string | undefined }> {
  const named = env[variable];
  const next = `Next: ${byHand}; or ${variable}=/path/to/${name}`;
  const file = named === undefined || named === '' ? await onPath(name, env['PATH'] ?? '') : resolve(named);
  if (file === undefined) throw new ConfigError(`There is no ${name} on the PATH.\n${next}`);
  const from = named === undefined || named === '' ? file : `${file} (of ${variable})`;
  if (!(await isProgram(file))) throw new ConfigError(`${from} is missing or may not be executed.\n${next}`);
  const { stdout, stderr } = await run(file, ['--version'], { timeout: versionTimeoutMs }).catch((error: unknown) => {
    throw new ConfigError(`${from} does not run here: ${lastLine(error)}\n${next}`);
  });
  const found = version.exec(`${stdout}\n${stderr}`)?.[1];
  if (found !== undefined && isOlder(found, oldest.version))
    throw new ConfigError(`${from} is version ${found}; at least ${oldest.version} is needed: ${oldest.why}.\n${next}`);
  return { file, version: found };
}

/** The first program of that name in the folders of a `PATH`. */
export async function onPath(name: string, path: string): Promise<string | undefined> {
  const files = path
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, name));
  for (const file of files) if (await isProgram(file)) return resolve(file);
  return undefined;
}

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}

function lastLine(error: unknown): string {
  const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : '';
  return (said === '' ? String(error) : said).split('\n').at(-1) ?? '';
}
