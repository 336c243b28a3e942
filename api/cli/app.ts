import { parseArgs } from 'node:util';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { audited } from './admin/audit.ts';
import { adminCommands, usage, type AdminCommand } from './admin/commands.ts';
import { readAdminConfig } from './config.ts';
import { openAdmin } from './service.ts';

/** Where a command writes, and the environment that it reads (default: the process's). */
export interface CliOutput {
  out: (text: string) => void;
  err: (text: string) => void;
  env?: Record<string, string | undefined>;
}

/** A NATS that does not answer by then is said to be away. */
const connectTimeoutMs = 10_000;

/** Runs one command line. Returns the exit code: 0 done, 1 failed, 2 not understood. */
export async function runCli(args: readonly string[], output: CliOutput): Promise<number> {
  const { out, err } = output;
  const [group, ...rest] = args;
  if (args.length === 0 || args.includes('--help') || args.includes('-h')) {
    out(usage);
    return args.length === 0 ? 2 : 0;
  }
  try {
    const named =
      group === 'admin' ? adminCommands.find(({ words }) => words.every((word, at) => rest[at] === word)) : undefined;
    if (named === undefined) throw new UsageError(`There is no command "${args.join(' ')}".`);
    for (const line of await runCommand(named, rest.slice(named.words.length), output)) out(`${line}\n`);
    return 0;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    err(`${message}\n${error instanceof UsageError ? 'See: npm run admin -- --help\n' : ''}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function runCommand(command: AdminCommand, rest: string[], { env }: CliOutput): Promise<string[]> {
  const input = readInput(command, rest);
  const config = readAdminConfig(env);
  if (!command.connects) return await command.run({ ...input, config });
  const url = config.FAIRWAY_NATS_URL;
  if (url === undefined)
    throw new ConfigError('FAIRWAY_NATS_URL is not set: it names NATS, as nats://admin:password@host:4222.');
  const signal = AbortSignal.timeout(connectTimeoutMs);
  const place = { natsUrl: url, region: config.FAIRWAY_REGION };
  await using admin = await openAdmin(place, { log: silentLogger(), signal }).catch((cause: unknown) => {
    if (!signal.aborted) throw cause;
    const why = `NATS did not let this command in within ${connectTimeoutMs / 1000} s`;
    throw new ConfigError(`${why}: is FAIRWAY_NATS_URL right, and is its user "admin"?`, { cause });
  });
  const run = (): Promise<string[]> => command.run({ ...input, config }, admin);
  return await (command.words[0] === 'audit' ? run() : audited(admin, [...command.words, ...rest].join(' '), run));
}

/** A command line that is not understood. */
class UsageError extends Error {
  override name = 'UsageError';
}

function readInput(command: AdminCommand, args: string[]): { names: string[]; flags: Record<string, string[]> } {
  try {
    const options = Object.fromEntries(
      command.flags.map((flag) => [flag, { type: 'string', multiple: true } as const]),
    );
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    if (positionals.length !== command.names.length)
      throw new UsageError(`"admin ${command.words.join(' ')}" takes ${command.names.join(' ') || 'no names'}.`);
    return {
      names: positionals,
      flags: Object.fromEntries(Object.entries(values).map(([flag, value]) => [flag, value ?? []])),
    };
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
