/**
 * Run: node loadtest/e2e/drains/drains.ts [seconds]
 * Replicas are drained under 50 open streams while something else fails for so long, as Markdown.
 */
import { loadavg } from 'node:os';
import { changes, drainUnder, faults } from './drain-faults.ts';
import { startSlowStack } from './long-streams.ts';

const [seconds = 60] = process.argv.slice(2).map(Number);
await using fairway = await startSlowStack();
const rows: (string | number)[][] = [
  ['drain', 'fault', 'streams', 'truncated', 'outlasted it', 'frames', 'told in flight', 'streamed, s', 'gone, s'],
  ['---', '---', '---', '---', '---', '---', '---', '---', '---'],
];
for (const change of changes)
  for (const fault of faults) {
    const outcome = await drainUnder(fairway, { change, fault, faultMs: fault === 'none' ? 0 : seconds * 1000 });
    const { streams, truncated, outlasting, frames, told, streamedMs, drainedMs } = outcome;
    const said = told.filter((one, at) => one !== told[at - 1]).map((one) => one ?? 'unknown');
    const times = [streamedMs, drainedMs].map((ms) => Math.round(ms / 1000));
    rows.push([change, fault, streams, truncated.length, outlasting, frames, said.join(' → '), ...times]);
    for (const one of truncated) process.stderr.write(`${change}, ${fault}: ${JSON.stringify(one)}\n`);
  }
process.stdout.write(`faults of ${seconds} s; load average ${loadavg().map(Math.round).join(' ')}\n\n`);
process.stdout.write(rows.map((cells) => `| ${cells.join(' | ')} |\n`).join(''));
