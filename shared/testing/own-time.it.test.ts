import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { systemClock } from '#shared/runtime/clock.ts';
import { ownTimeOf, watchStolenTime } from './own-time.ts';

it('leaves out the time in which the process was stopped, and nothing else', async () => {
  await using stolen = watchStolenTime();
  await systemClock.sleep(20);
  // It stands still for a second, as beside a busy neighbour.
  spawnSync('/bin/sh', ['-c', 'sleep 1']);
  expect(stolen.ms()).toBeGreaterThan(900);
  // Timers of a busy machine are late, too: of a sleep something may be missing.
  expect(await ownTimeOf(systemClock.sleep(300))).toBeGreaterThan(50);
});

it('counts what the process computes itself', async () => {
  const compute = async (): Promise<void> => {
    await systemClock.sleep(1);
    const { user: start } = process.cpuUsage();
    while (process.cpuUsage().user - start < 200_000);
  };
  expect(await ownTimeOf(compute())).toBeGreaterThan(150);
});
