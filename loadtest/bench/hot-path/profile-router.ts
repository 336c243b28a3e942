import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cells } from './cells.ts';
import type { CompareOptions } from './compare.ts';
import { measure } from './measure.ts';
import { byRoom, selfTimes, type CpuProfile } from './self-times.ts';
import { placeIn, startReplicas, startRouter } from './targets.ts';

/** Functions, and rooms, that are told of a cell. */
const toldMax = 25;

/** Where a router's CPU goes, cell by cell: the functions that take most by themselves, as Markdown. */
export async function profileRouter({ seed, only }: Pick<CompareOptions, 'seed' | 'only'>): Promise<string> {
  const lines = [
    '# Where the router’s CPU goes',
    '',
    'Repeat: `node setup.mjs loadtest/bench/hot-path/main.ts --cpu-profile`.',
    '',
  ];
  for (const cell of cells.filter(({ name, isAlone }) => isAlone !== true && (only === undefined || name === only))) {
    await using stack = new AsyncDisposableStack();
    const place = await placeIn(stack);
    const { folder } = place;
    const replicas = await startReplicas(place, { processes: 2, ports: 4, paceMs: 1 });
    const nodeFlags = ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=200'];
    const router = await startRouter(place, replicas.ports, { nodeFlags });
    await measure(router, { ...cell, seed }, replicas.cpuMs);
    const from = microseconds();
    const { cpu } = await measure(router, { ...cell, seed: seed + 1 }, replicas.cpuMs);
    const to = microseconds();
    await router.stop();
    const [file = ''] = (await readdir(folder)).filter((name) => name.endsWith('.cpuprofile'));
    const profile = JSON.parse(await readFile(join(folder, file), 'utf8')) as CpuProfile;
    const times = selfTimes(profile, { from, to });
    const perRequest = (us: number, share: number): string =>
      `| ${(us / cell.requests).toFixed(1)} | ${(100 * share).toFixed(1)} |`;
    lines.push(
      `## ${cell.name}: ${cpu.toFixed(3)} CPU s per 1,000 requests while it is profiled`,
      '',
      '| µs per request | % | room or package |',
      '|---|---|---|',
      ...byRoom(times)
        .slice(0, toldMax)
        .map(({ room, us, share }) => `${perRequest(us, share)} ${room} |`),
      '',
      '| µs per request | % | function | where |',
      '|---|---|---|---|',
      ...times.slice(0, toldMax).map(({ name, place, us, share }) => `${perRequest(us, share)} ${name} | ${place} |`),
      '',
    );
  }
  return lines.join('\n');
}

/** As V8's profiles count them: of the machine's monotonic clock. */
function microseconds(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
