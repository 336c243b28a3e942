/**
 * Set-up and start in one: `node setup.mjs [--no-dev] [--no-servers] <target.ts> [args…]`, or `node setup.mjs --clean`.
 *
 * Plain JavaScript without dependencies, so that any Node from 20 on can run it. It installs the packages, gets Node 24,
 * nats-server and Valkey when they are missing, and starts the target with FAIRWAY_NATS_SERVER and FAIRWAY_REDIS_SERVER
 * naming them (absent where NATS_URL or REDIS_URL names a running one). When everything is there it takes 0.2 s.
 */
import path from 'node:path';
import { argv, env, kill, pid } from 'node:process';
import { fileURLToPath } from 'node:url';
import { cacheFolder } from './setup/cache.mjs';
import { clean } from './setup/clean.mjs';
import { launch } from './setup/launch.mjs';
import { ensureNode } from './setup/node24.mjs';
import { ensurePackages } from './setup/packages.mjs';
import { SetupError, say } from './setup/say.mjs';
import { findServers } from './setup/servers.mjs';

const usage = 'Usage: node setup.mjs [--no-dev] [--no-servers] <target.ts> [args…], or node setup.mjs --clean';

async function main(args) {
  refuseUnknownSystems();
  const root = path.dirname(fileURLToPath(import.meta.url));
  const interrupt = new AbortController();
  const context = { root, env: { ...env }, cache: cacheFolder(env), signal: interrupt.signal };
  if (args[0] === '--clean') return clean(context);
  const noDev = args[0] === '--no-dev';
  if (noDev) args.shift();
  const noServers = args[0] === '--no-servers';
  if (noServers) args.shift();
  const [target, ...rest] = args;
  if (!target || target.startsWith('-')) throw new SetupError(usage);
  const { node, servers } = await prepare(context, { interrupt, noDev, noServers });
  process.exitCode = await launch(context, { node, target, args: rest, extraEnv: servers });
}

/** All parts at once; the first that fails stops the others, and so does a signal. */
async function prepare(context, { interrupt, noDev, noServers }) {
  let killedBy;
  const stop = (signal) => {
    killedBy = signal;
    interrupt.abort(new SetupError(`stopped by ${signal}; the next run goes on from here.`));
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, stop);
  const parts = [ensurePackages(context, { noDev }), ensureNode(context), ...(noServers ? [] : findServers(context))];
  try {
    const [, node, ...servers] = await Promise.all(parts);
    return { node, servers: Object.fromEntries(servers.filter(Boolean)) };
  } catch (error) {
    interrupt.abort(error);
    await Promise.allSettled(parts);
    if (killedBy) error.signal = killedBy;
    throw error;
  } finally {
    for (const signal of signals) process.off(signal, stop);
  }
}

function refuseUnknownSystems() {
  if (process.platform !== 'linux' && process.platform !== 'darwin') {
    throw new SetupError(
      `Fairway runs on Linux and macOS, not on ${process.platform}. On Windows, run the same command inside WSL 2.`,
    );
  }
  if (Number(process.versions.node.split('.')[0]) < 20) {
    throw new SetupError(
      `This is Node ${process.version}; set-up needs Node 20 or newer. Install one, then run the same command again.`,
    );
  }
}

try {
  await main(argv.slice(2));
} catch (error) {
  if (error?.signal) kill(pid, error.signal);
  say(error instanceof SetupError ? error.message : (error?.stack ?? String(error)));
  process.exitCode = 1;
}
