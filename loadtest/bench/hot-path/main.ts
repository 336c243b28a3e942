/**
 * Run: node setup.mjs loadtest/bench/hot-path/main.ts [--rounds 5] [--seed 1] [--redis] [--tls] [--cpu-profile | --crowds] [--only CELL] [--beside CHECKOUT] [--out FILE]
 *
 * What a request costs the router, beside nginx and beside a proxy of Node alone, in turns in the same run. Linux only. nginx
 * is taken from PATH; without it the router is told beside Node alone. About a minute a round on a quiet machine.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { join } from 'node:path';
import { root } from '../clone.ts';
import { compare } from './compare.ts';
import { measureCrowds } from './crowds.ts';
import { profileRouter } from './profile-router.ts';
import { report } from './report.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    beside: { type: 'string' },
    redis: { type: 'boolean', default: false },
    tls: { type: 'boolean', default: false },
    crowds: { type: 'boolean', default: false },
    'cpu-profile': { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});

const { redis, tls, only, beside } = values;
const options = { rounds: Number(values.rounds), seed: Number(values.seed), redis, tls, only, beside };
const { name, text } = await measured();
await writeFile(values.out ?? join(root, `loadtest/report/${name}.md`), text);
process.stdout.write(text);

async function measured(): Promise<{ name: string; text: string }> {
  if (values.crowds) return { name: 'hot-path-crowds', text: await measureCrowds() };
  if (values['cpu-profile']) return { name: 'hot-path-profile', text: await profileRouter(options) };
  return { name: tls ? 'hot-path-tls' : 'hot-path', text: await report(await compare(options), process.argv.slice(2)) };
}
