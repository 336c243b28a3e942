import type { Scenario } from '#loadtest/virtual/scenario.ts';
import { workloadName } from '#loadtest/workload/workload.ts';
import type { Declaration } from '../declared/declaration.ts';
import type { Judged } from '../declared/mark.ts';

/** All scenarios with what each shows and how long it takes. */
export function listOf(declarations: readonly Declaration[]): string {
  const width = Math.max(...declarations.map(({ name }) => name.length));
  return declarations.map((one) => `  ${one.name.padEnd(width)}  ${one.shows} ${secondsOf(one)}`).join('\n');
}

function secondsOf({ seconds, seeds, beside }: Declaration): string {
  const runs = seeds.length * (1 + Object.keys(beside).length);
  return `[${runs} ${runs === 1 ? 'run' : 'runs'}, ${seconds * runs} s]`;
}

/** What runs, in a line. */
export function lineOfScenario(
  run: string,
  { replicas, routers, preset, policy, minutes, faults, ...workload }: Scenario,
): string {
  const wrong = faults.map(({ kind, at }) => `${kind} at ${at / 60} min`).join(', ');
  const fleet = `${workloadName(workload)}, ${replicas} × ${preset.name}, ${routers} ${routers === 1 ? 'router' : 'routers'}, ${policy}, ${minutes} min`;
  return `${run}: ${fleet}${wrong === '' ? '' : `, ${wrong}`}`;
}

/** The marks as a table, and the verdict. */
export function verdict(judged: readonly Judged[]): string {
  const rows = [
    ['mark', 'goal', 'measured', 'holds'],
    ...judged.map(({ mark, goal, measured, holds }) => [mark, goal, measured, holds ? 'yes' : 'NO']),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const table = rows.map((row) =>
    `  ${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd(),
  );
  const missed = judged.filter(({ holds }) => !holds).length;
  const all = judged.length;
  return [
    ...table,
    missed === 0 ? `passed: all ${all} marks hold` : `failed: ${missed} of ${all} marks do not hold`,
  ].join('\n');
}
