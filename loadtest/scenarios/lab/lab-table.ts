import type { LabRow } from './lab-row.ts';

/** The load lab's figures as one table. */
export function labTable({ benches, marks }: { benches: readonly LabRow[]; marks: readonly LabRow[] }): string {
  const rows = [...benches, ...marks];
  const missed = rows.filter(({ holds }) => !holds).length;
  return [
    '# The load lab: each goal, what was measured, and the command that repeats it',
    '',
    'Written by `node loadtest/scenarios/lab/main.ts`: first what a request costs, on real sockets and a shared machine; then marks of declared scenarios in virtual time, means over the seeds (least to most), with the router’s own brain and everything around it simulated. Where each bound comes from stands in `loadtest/scenarios/declared`.',
    '',
    `${rows.length - missed} of ${rows.length} hold.`,
    '',
    '| what | goal | measured | holds | command |',
    '|---|---|---|---|---|',
    ...rows.map(
      ({ what, goal, measured, holds, command }) =>
        `| ${what} | ${goal} | ${measured} | ${holds ? 'yes' : '**no**'} | ${command} |`,
    ),
    '',
  ].join('\n');
}
