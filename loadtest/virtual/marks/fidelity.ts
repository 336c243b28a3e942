import type { Figures } from '#loadtest/record/figures.ts';
import type { ScenarioText } from '../scenario.ts';
import { mean } from './mean.ts';

/** What a rival's binary, or the rule of one, came to over sockets with the older preset: one router, 300 engineers. */
interface Binary {
  readonly hits: number;
  readonly goodput: number;
  readonly run: ScenarioText;
}

/** Hits may be so many points below the binary's, and goodput this share of it. */
const slack = { points: 1, goodput: 0.98 } as const;

/** Means over some seeds of binaries in front of eight simulated replicas. */
const binaries: Readonly<Record<string, Binary>> = {
  'AIBrix’s rule': { hits: 93.4, goodput: 4.02, run: { policy: 'aibrix' } },
  'llm-d, active requests 2 and prefix 3': { hits: 92.7, goodput: 3.82, run: { policy: 'llm_d_active' } },
  'llm-d, defaults': { hits: 86.7, goodput: 2.31, run: { policy: 'llm_d' } },
  'nginx, hash of the session header': {
    hits: 86.9,
    goodput: 2.83,
    run: { policy: 'session_hash', sessionHeader: true },
  },
  'nginx round robin': { hits: 31, goodput: 0.09, run: { policy: 'round_robin' } },
  'nginx least_conn': { hits: 33, goodput: 0.01, run: { policy: 'least_in_flight' } },
};

/** The same in virtual time, by name. */
export const fidelityCells: Readonly<Record<string, ScenarioText>> = Object.fromEntries(
  Object.entries(binaries).map(([name, { run }]) => [name, { ...run, engineers: 300, preset: '30b-a3b-h200-2025' }]),
);

/** Shows that nobody is compared with a rival that does worse here than its binary does. */
export function fidelityReport(figures: Readonly<Record<string, readonly Figures[]>>): string {
  const rows = Object.entries(binaries).map(([name, binary]) => {
    const all = figures[name] ?? [];
    const hits = 100 * mean(all.map((one) => one.hits));
    const goodput = mean(all.map((one) => one.goodput));
    const reaches = hits >= binary.hits - slack.points && goodput >= slack.goodput * binary.goodput;
    const columns = [binary.hits.toFixed(1), hits.toFixed(1), binary.goodput.toFixed(2), goodput.toFixed(2)];
    return `| ${name} | ${columns.join(' | ')} | ${reaches ? 'yes' : '**no**'} |`;
  });
  return [
    '## Rivals beside their binaries',
    '',
    'Preset 30b-a3b-h200-2025 (older, faster than the card), 8 replicas, 300 engineers, one router; the binaries over sockets on a shared machine, which costs them some goodput.',
    '',
    '| router | hits % of the binary | here | its goodput/s | here | reaches it |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
