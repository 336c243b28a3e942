import { describe, expect, it } from 'vitest';
import { drainReportSchema } from '#shared/contract/replica.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { PoolDirectory } from './pool-directory.ts';
import { DrainReporter } from './drain-report.ts';
import { ReplicaTable } from '../replicas/replica-table.ts';
import { noLoad } from '../replicas/replica-view.ts';
import { poolDocument, replicaAt } from '#shared/testing/documents.ts';

function make() {
  const clock = createTestClock();
  const pools = new PoolDirectory();
  const table = new ReplicaTable({ router: 'r', epoch: 1 });
  const [draining, ready] = [replicaAt(1, 'draining'), replicaAt(2)];
  for (const { replicaId } of [draining, ready]) table.change(replicaId, { ...noLoad, inFlight: 3 }, 0);
  const sent: unknown[] = [];
  const state = { up: true };
  const reporter = new DrainReporter({
    identity: { routerId: 'r', vpcId: poolDocument().vpcId, epoch: 1 },
    listeners: () => ({ public: 'http://a.example', private: 'http://b.example' }),
    pools,
    brain: { table, oldestOn: () => 50, blocksOn: () => 9 },
    edgeRevision: () => 7,
    publish: (_, text) => {
      if (state.up) sent.push(JSON.parse(text));
      return state.up;
    },
    clock,
    log: silentLogger(),
  });
  const drain = (): void => pools.put(poolDocument({ replicas: [draining, ready] }));
  return { clock, reporter, sent, drain, draining, ready, state };
}

describe('drain reports', () => {
  it('come every 2 s, every 400 ms while something drains, and name draining replicas alone', async () => {
    const { clock, reporter, sent, drain, draining } = make();
    await clock.advance(0);
    expect(sent).toHaveLength(1);
    await clock.advance(1999);
    expect(sent).toHaveLength(1);
    await clock.advance(1);
    expect(sent).toHaveLength(2);
    drain();
    reporter.wake();
    await clock.advance(1200);
    expect(sent).toHaveLength(6);
    const report = drainReportSchema.parse(sent.at(-1));
    expect(report).toMatchObject({ edgeRevision: 7, leaving: false, inFlight: { [draining.replicaId]: 3 } });
    expect(Object.keys(report.inFlight)).toHaveLength(1);
    expect(report.oldestAt).toEqual({ [draining.replicaId]: clock.now() - clock.monotonic() + 50 });
    await reporter[Symbol.asyncDispose]();
    expect(drainReportSchema.parse(sent.at(-1)).leaving).toBe(true);
  });

  it('name what each ready replica has every 2 s, also while something drains', async () => {
    const { clock, reporter, sent, drain, ready } = make();
    drain();
    await clock.advance(4100);
    const loads = sent.map((report) => drainReportSchema.parse(report).loads).filter((each) => each !== undefined);
    expect(sent.length).toBeGreaterThan(8);
    // The first one goes out before any pool is known.
    expect(loads).toEqual([{}, { [ready.replicaId]: [3, 9] }, { [ready.replicaId]: [3, 9] }]);
    await reporter[Symbol.asyncDispose]();
  });

  it('are tried again soon when NATS was away', async () => {
    const { clock, reporter, sent, state } = make();
    state.up = false;
    await clock.advance(3000);
    state.up = true;
    await clock.advance(500);
    expect(sent).toHaveLength(2);
    await reporter[Symbol.asyncDispose]();
  });
});
