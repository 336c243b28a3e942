import { expect, test } from 'vitest';
import { cells } from './cells.ts';
import { compare } from './compare.ts';
import { findNginx } from './targets.ts';
import { report } from './report.ts';

test.each([false, true])(
  'a tiny round measures every target that there is, and tells it (TLS: %s)',
  async (tls) => {
    const runs = await compare({ rounds: 1, seed: 1, redis: false, tls, tiny: true });
    const targets = ['Node alone', 'Fairway', ...((await findNginx()) === undefined ? [] : ['nginx'])];
    for (const cell of cells)
      for (const target of targets) {
        const measured = runs.find((run) => run.cell === cell && run.target === target)?.measured;
        expect(measured?.cpu).toBeGreaterThan(0);
        expect(measured?.ttftMs.length).toBeGreaterThan(0);
      }
    const text = await report(runs, []);
    for (const { name } of cells.filter(({ isAlone }) => isAlone !== true))
      expect(text).toContain(`| ${name} | Fairway | `);
  },
  60_000,
);
