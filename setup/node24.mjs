import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cached } from './cache.mjs';
import { npm } from './npm.mjs';
import { nodeMajor, nodePackages } from './pins.mjs';
import { platformKey } from './platform.mjs';
import { runTool } from './run-tool.mjs';
import { SetupError, step } from './say.mjs';

/** The path of a Node of major version 24 or newer: the running one, else one from npm in the user's cache. */
export async function ensureNode(context) {
  if (Number(process.versions.node.split('.')[0]) >= nodeMajor) return process.execPath;
  const pin = nodePackages[platformKey()];
  if (!pin)
    throw new SetupError(
      `Fairway runs under Node ${nodeMajor}; this is ${process.version}, and npm has no Node package for ${platformKey()}. Install Node ${nodeMajor} with your system's package manager, then run the same command again.`,
    );
  const folder = await cached(context, path.join('node', `${pin.name}-${pin.version}`), (temporary) =>
    step(`getting Node ${pin.version} (this is ${process.version}; about 52 MB)`, () =>
      install(context, pin, temporary),
    ),
  );
  return path.join(folder, 'bin', 'node');
}

/** By `npm ci` from a lock of one entry: that is how npm checks a hash that we pinned. */
async function install(context, pin, temporary) {
  const project = { name: 'fairway-node', version: '1.0.0', private: true, dependencies: { [pin.name]: pin.version } };
  const lock = {
    ...project,
    lockfileVersion: 3,
    packages: { '': project, [`node_modules/${pin.name}`]: { version: pin.version, integrity: pin.integrity } },
  };
  await mkdir(temporary, { recursive: true });
  await writeFile(path.join(temporary, 'package.json'), JSON.stringify(project));
  await writeFile(path.join(temporary, 'package-lock.json'), JSON.stringify(lock));
  await npm(context, ['ci', '--ignore-scripts', '--engine-strict=false', '--include=prod'], temporary);
  const folder = path.join(temporary, 'node_modules', pin.name);
  for (const unused of ['include', 'share']) await rm(path.join(folder, unused), { recursive: true, force: true });
  const check = await runTool(path.join(folder, 'bin', 'node'), ['--version'], { signal: context.signal });
  if (check.code !== 0)
    throw new SetupError(
      `Node ${pin.version} does not run on this system (${check.output.trim()}). Install Node ${nodeMajor} yourself, then run the same command again.`,
    );
  return folder;
}
