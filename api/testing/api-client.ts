import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { environment } from '#shared/runtime/environment.ts';
import type { Started } from '#shared/testing/started.ts';
import { alphaToken } from '../regional/testing/region-fixture.ts';

/** A client of DigitalOcean's API, one operation a call; it is told the address and the API token and nothing else. */
export interface ApiClient {
  /** What it shows of the answer. @throws when it reports an error. */
  run(operation: ClientOperation, ...args: string[]): Promise<string>;
  /** Operations that it has no call for. */
  lacks: readonly ClientOperation[];
}

/** The 13 operations; `create` and `update` take a body as JSON last. */
export type ClientOperation =
  | 'create'
  | 'list'
  | 'get'
  | 'update'
  | 'delete'
  | 'accelerators'
  | 'accelerator'
  | 'ca'
  | 'tokens'
  | 'create-token'
  | 'revoke-token'
  | 'sizes'
  | 'gpu-model-config';

const envOf = (url: string) => ({
  ...environment(),
  DIGITALOCEAN_API_URL: url,
  DIGITALOCEAN_ACCESS_TOKEN: alphaToken,
});

/** Runs a program with arguments and an input; its output, or what it complains of as an error. */
async function program(url: string, command: readonly string[], input = ''): Promise<string> {
  const [file = '', ...args] = command;
  const child = spawn(file, args, { env: envOf(url), stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (child.exitCode === null) await once(child, 'exit');
  if (child.exitCode !== 0) throw new Error(`${stdout}${stderr}`);
  return stdout;
}

/** DigitalOcean's Go library, by the driver that was built of `clients/main.go`. */
export const godoClient = (driver: string, url: string): ApiClient => ({
  run: (operation, ...args) => program(url, [driver, operation, ...args]),
  lacks: ['accelerator', 'ca'],
});

/** DigitalOcean's Python client, in one process for all calls: it takes its time to start. */
export function pydoClient(python: string, url: string, started: Started): ApiClient {
  const driver = join(import.meta.dirname, 'clients/drive_pydo.py');
  const child = started.child(spawn(python, [driver], { env: envOf(url), stdio: ['pipe', 'pipe', 'inherit'] }));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    lacks: [],
    async run(...call) {
      child.stdin.write(`${JSON.stringify(call)}\n`);
      const { value } = await lines.next();
      const answer: { shown?: unknown; error?: string } = JSON.parse(value ?? '{"error":"the driver has ended"}');
      if (answer.error !== undefined) throw new Error(answer.error);
      return JSON.stringify(answer.shown);
    },
  };
}

/** DigitalOcean's command line: its spec comes from standard input, and it repeats what failed after a short wait. */
export function doctlClient(doctl: string, url: string): ApiClient {
  const command = ['--http-retry-wait-min', '1', '--http-retry-wait-max', '1', '-o', 'json', 'dedicated-inference'];
  return {
    lacks: ['accelerator', 'ca'],
    run(operation, ...args) {
      const { verb, rest, input } = doctlCall(operation, args);
      return program(url, [doctl, ...command, verb, ...rest], input);
    },
  };
}

function doctlCall(
  operation: ClientOperation,
  args: readonly string[],
): { verb: string; rest: string[]; input?: string } {
  const [first = '', second = ''] = args;
  const body = args.at(-1) ?? '';
  switch (operation) {
    case 'create':
      return { verb: 'create', rest: ['--spec', '-'], input: specOf(body) };
    case 'update':
      return { verb: 'update', rest: [first, '--spec', '-'], input: specOf(body) };
    case 'list':
      return { verb: 'list', rest: ['--name', first] };
    case 'delete':
      return { verb: 'delete', rest: [first, '-f'] };
    case 'accelerators':
      return { verb: 'list-accelerators', rest: [first, ...(second === '' ? [] : ['--slug', second])] };
    case 'tokens':
      return { verb: 'list-tokens', rest: [first] };
    case 'create-token':
      return { verb: 'create-token', rest: [first, '--token-name', second] };
    case 'revoke-token':
      return { verb: 'revoke-token', rest: [first, second, '-f'] };
    case 'sizes':
      return { verb: 'get-sizes', rest: [] };
    case 'gpu-model-config':
      return { verb: 'get-gpu-model-config', rest: [] };
    case 'get':
      return { verb: 'get', rest: [first] };
    case 'accelerator':
    case 'ca':
      throw new Error(`doctl has no command for ${operation}`);
  }
}

/** doctl's file holds the spec alone. */
function specOf(body: string): string {
  const { spec }: { spec: unknown } = JSON.parse(body);
  return JSON.stringify(spec);
}
