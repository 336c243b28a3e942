import { expect, it } from 'vitest';
import { runKills } from './run-kills.ts';

/** A sample of `kills.ts`, of which `loadtest/report/api-kills.md` keeps a whole run. */
it('keeps every mutation once, and its audit line once, while API processes get SIGKILL (seed 8)', async () => {
  const report = await runKills({ mutations: 60, endpoints: 8, seed: 8 });
  expect(report).toMatchObject({ mutations: 60, auditLines: 60, problems: [] });
  expect(report.kills).toBeGreaterThan(0);
});
