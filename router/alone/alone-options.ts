import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { parseArgs } from 'node:util';
import { ConfigError } from '#shared/runtime/config-error.ts';
import type { Alias } from './pools-of.ts';
import { readUpstream, type UpstreamAddress } from './upstream-address.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** How a router alone is run. */
export interface AloneOptions {
  readonly upstreams: readonly UpstreamAddress[];
  readonly aliases: readonly Alias[];
  readonly host: string;
  readonly port: string;
  /** Without any, anyone may ask. */
  readonly tokens: readonly string[];
  /** Also by any host name. */
  readonly open: boolean;
  readonly redisUrl: string | undefined;
  readonly processes: string | undefined;
}

const flags = {
  upstream: { type: 'string', multiple: true },
  'upstreams-file': { type: 'string' },
  model: { type: 'string', multiple: true },
  host: { type: 'string' },
  port: { type: 'string' },
  token: { type: 'string', multiple: true },
  'token-file': { type: 'string' },
  open: { type: 'boolean' },
  redis: { type: 'string' },
  processes: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** What `npm run route -- --help` prints. */
const usage = `npm run route -- --upstream URL [options]
  --upstream URL        an OpenAI-compatible server, http://host:port or https://host/path; name each server once
  --upstreams-file FILE the same, one URL per line ("#" begins a comment)
  --model NAME[=MODEL]  a name that clients may also use for MODEL, or for the only model there is; may be repeated
  --host HOST           address to listen on (default 127.0.0.1)
  --port N              port to listen on (default 8701; 0 takes a free one)
  --token TEXT          what clients send as their API key, any text; may be repeated. Without one this machine alone may ask
  --token-file FILE     the same, one token per line
  --open                listen on other addresses without a token: whoever can reach them may ask
  --redis URL           shares load and cached prompts with all routers that have the same upstreams and the same Redis
  --processes N         as many processes, for more than one core; SIGHUP exchanges them without losing a connection

Keys of upstreams: FAIRWAY_UPSTREAM_KEY in the environment for all that name none; or https://:KEY@host/path, best in a file:
other users of a machine can read command lines. For the same reason FAIRWAY_TOKEN and FAIRWAY_REDIS_URL stand for --token
and --redis. All else that a router can be told is in docs/settings.md.`;

/** Thrown for --help: the text goes to standard output and the exit code is 0. */
export class UsageAskedError extends Error {}

/** Reads the command line. @throws ConfigError with every problem and how to see the flags; UsageAskedError for --help. */
export function readAloneOptions(args: readonly string[], env: Environment): AloneOptions {
  const problems: string[] = [];
  const trying = <T>(read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
      return undefined;
    }
  };
  const values = trying(() => parseArgs({ args: [...args], options: flags, allowPositionals: false }).values) ?? {};
  if (values.help === true) throw new UsageAskedError(usage);
  const linesOf = (file: string | undefined): string[] =>
    file === undefined ? [] : (trying(() => readLines(file)) ?? []);
  const texts = [...(values.upstream ?? []), ...linesOf(values['upstreams-file'])];
  const upstreams = texts.flatMap((text) => trying(() => readUpstream(text, env['FAIRWAY_UPSTREAM_KEY'] ?? '')) ?? []);
  for (const [url, same] of Map.groupBy(upstreams, (one) => one.url))
    if (same.length > 1) problems.push(`The upstream ${url} is named ${same.length} times: once is enough.`);
  if (texts.length === 0 && problems.length === 0)
    problems.push('Name the servers to route to: --upstream http://host:port, once for each.');
  const fromEnv = env['FAIRWAY_TOKEN'] === undefined || env['FAIRWAY_TOKEN'] === '' ? [] : [env['FAIRWAY_TOKEN']];
  const given = [...(values.token ?? []), ...linesOf(values['token-file'])];
  const tokens = given.length > 0 ? given : fromEnv;
  if (tokens.some((token) => !/^[\x21-\x7e]{1,1024}$/.test(token)))
    problems.push('A token is 1 to 1024 visible ASCII characters: others cannot stand in a header.');
  const host = values.host ?? (env['FAIRWAY_HOST'] || '127.0.0.1');
  const open = values.open ?? false;
  if (tokens.length === 0 && !open && !isLoopback(host))
    problems.push(
      `Whoever reaches ${host} could use your upstreams: give a token (FAIRWAY_TOKEN, --token-file), or say --open.`,
    );
  const port = values.port ?? (env['FAIRWAY_PORT'] || '8701');
  const isNear = isLoopback(host) || host === '0.0.0.0' || host === '::';
  const own = upstreams.find((one) => one.port === Number(port) && isLoopback(one.address) && isNear);
  if (own !== undefined) problems.push(`The upstream ${own.url} is this router itself: give one of them another port.`);
  if (problems.length > 0) throw new ConfigError(`${problems.join('\n')}\nSee: npm run route -- --help`);
  const aliases = (values.model ?? []).map(readAlias);
  return {
    upstreams,
    aliases,
    host,
    port,
    tokens,
    open,
    processes: values.processes,
    redisUrl: values.redis ?? (env['FAIRWAY_REDIS_URL'] || undefined),
  };
}

function readAlias(text: string): Alias {
  const [, name = text, model] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  return { name, ...(model !== undefined && { model }) };
}

function readLines(file: string): string[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.map((line) => line.replace(/(^|\s)#.*$/, '').trim()).filter((line) => line !== '');
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
