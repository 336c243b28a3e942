import { execFile } from 'node:child_process';
import { cpus, loadavg } from 'node:os';
import { promisify } from 'node:util';
import { checkedOut } from '#loadtest/record/about-run.ts';
import { median, ratioOf } from '../comparison.ts';
import { addedMsMark, cells, type Cell } from './cells.ts';
import type { Run } from './compare.ts';
import type { Measured } from './measure.ts';
import { findNginx } from './targets.ts';

/** A comparison as Markdown. */
export async function report(runs: readonly Run[], args: readonly string[]): Promise<string> {
  const rounds = Math.max(...runs.map(({ round }) => round));
  return [
    '# What a request costs the router, beside nginx',
    '',
    `Repeat: \`node setup.mjs loadtest/bench/hot-path/main.ts ${args.join(' ')}\`.`.replace(' `.', '`.'),
    '',
    `Commit ${await checkedOut()}; Node ${process.version}, ${await nginxVersion()} (one worker); ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), load average ${loadavg()[0]?.toFixed(1)} at the end. ${rounds} rounds by turns in one run, medians; ratios are those of a round, with their least and greatest.`,
    '',
    'Eight replicas in two processes answer at once, an event each millisecond; conversations grow. CPU seconds are user and system of all processes of a target. “Node alone” is Node’s server and undici without a router (`floor.ts`). Askers: client and replicas together.',
    '',
    ...costTable(runs),
    '',
    ...aloneTable(runs),
    '',
  ].join('\n');
}

function costTable(runs: readonly Run[]): string[] {
  const seen = cells.filter((cell) => cell.isAlone !== true && runs.some((run) => run.cell === cell));
  return [
    '| body/events | who | CPU s per 1,000 | ÷ nginx | mark, aim | ÷ Node alone | first content p50, ms | requests/s | RSS, MB | askers’ CPU |',
    '|---|---|---|---|---|---|---|---|---|---|',
    ...seen.flatMap((cell) =>
      targetsOf(runs, cell).map((target) => {
        const own = runsOf(runs, cell, target);
        const cpu = own.map((one) => one.cpu);
        const to = (other: string): string =>
          told({ before: runsOf(runs, cell, other).map((one) => one.cpu), after: cpu });
        return row([
          cell.name,
          target,
          median(cpu).toFixed(3),
          to('nginx'),
          target === 'Fairway' ? `${cell.mark}, ${cell.aim}` : '',
          to('Node alone'),
          median(own.map((one) => median(one.ttftMs))).toFixed(2),
          median(own.map((one) => one.perSecond)).toFixed(0),
          (Math.max(...own.map((one) => one.rssBytes)) / 1e6).toFixed(0),
          median(own.map((one) => one.askersCpu)).toFixed(3),
        ]);
      }),
    ),
  ];
}

/** What is added to a direct connection's first content, one request after the other. */
function aloneTable(runs: readonly Run[]): string[] {
  const cell = cells.find((one) => one.isAlone);
  if (cell === undefined || !runs.some((run) => run.cell === cell)) return [];
  const firsts = (target: string): number[] => runsOf(runs, cell, target).map((one) => median(one.ttftMs));
  const direct = firsts('direct');
  const added = (target: string): number[] => firsts(target).map((ms, round) => ms - (direct[round] ?? Number.NaN));
  return [
    '| one request after the other | first content p50, ms | added, ms | mark | added ÷ nginx | mark, aim |',
    '|---|---|---|---|---|---|',
    ...targetsOf(runs, cell).map((target) => {
      const isOurs = target === 'Fairway';
      return row([
        target,
        median(firsts(target)).toFixed(3),
        target === 'direct' ? '' : median(added(target)).toFixed(3),
        isOurs ? String(addedMsMark) : '',
        target === 'direct' ? '' : told({ before: added('nginx'), after: added(target) }),
        isOurs ? `${cell.mark}, ${cell.aim}` : '',
      ]);
    }),
  ];
}

function runsOf(runs: readonly Run[], cell: Cell, target: string): Measured[] {
  return runs.filter((run) => run.cell === cell && run.target === target).map(({ measured }) => measured);
}

function targetsOf(runs: readonly Run[], cell: Cell): string[] {
  const order = ['direct', 'nginx', 'Node alone', 'Fairway before', 'Fairway'];
  return order.filter((target) => runs.some((run) => run.cell === cell && run.target === target));
}

function told(rounds: Parameters<typeof ratioOf>[0]): string {
  const { ratio, least, greatest } = ratioOf(rounds);
  return Number.isNaN(ratio) ? '' : `${ratio.toFixed(2)} (${least.toFixed(2)}–${greatest.toFixed(2)})`;
}

function row(cellsOfRow: readonly string[]): string {
  return `| ${cellsOfRow.join(' | ')} |`;
}

async function nginxVersion(): Promise<string> {
  const nginx = await findNginx();
  if (nginx === undefined) return 'no nginx';
  const { stderr } = await promisify(execFile)(nginx, ['-v']);
  return stderr.trim().replace('nginx version: ', '');
}
