/**
 * Run: node loadtest/e2e/cycles/cycles.ts [cycles] [clients]
 * Create/delete cycles through a whole stack, and what is left in stores and processes, as Markdown.
 */
import { loadavg } from 'node:os';
import { runCycles } from './run-cycles.ts';

const [cycles = 10_000, clients = 48] = process.argv.slice(2).map(Number);
const { seconds, before, after, expired, processes } = await runCycles({ cycles, clients });
const load = loadavg().map(Math.round).join(' ');
const rows: (string | number)[][] = [
  ['store', 'before', 'after', 'without an end', 'bytes per cycle', 'expired'],
  ['---', '---', '---', '---', '---', '---'],
  ...Object.entries(after.streams).map(([name, { messages, bytes, lasting }]) => {
    const grown = bytes - (before.streams[name]?.bytes ?? 0);
    return [
      `${name}, messages`,
      before.streams[name]?.messages ?? 0,
      messages,
      lasting,
      Math.round(grown / cycles),
      expired.streams[name]?.messages ?? 0,
    ];
  }),
  ['NATS on disk, KiB', before.natsBytes / 1024, after.natsBytes / 1024, '', '', expired.natsBytes / 1024],
  ['Redis, keys', before.redisKeys, after.redisKeys, '', '', expired.redisKeys],
  ['Kubernetes, objects', before.objects, after.objects, '', '', expired.objects],
];
const names = processes[0]?.census.map(({ name }) => name) ?? [];
const memory: (string | number)[][] = [
  ['process: MB resident, handles', ...processes.map(({ at }) => at)],
  ['---', ...processes.map(() => '---')],
  ...names.map((name) => [
    name,
    ...processes.map(({ census }) => {
      const found = census.find((one) => one.name === name);
      return `${found?.residentMb}, ${found?.handles}`;
    }),
  ]),
];
const table = (lines: (string | number)[][]): string => lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
process.stdout.write(`${cycles} cycles, ${clients} at once, in ${seconds} s; load average ${load}\n\n`);
process.stdout.write(`${table(rows)}\n${table(memory)}`);
