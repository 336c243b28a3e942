import { beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '#shared/runtime/clock.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { watchStolenTime } from '#shared/testing/own-time.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import { createTestClock, type TestClock } from '#shared/testing/test-clock.ts';
import { ask } from '../client.ts';
import { failureOf, type Failure } from './failure.ts';
import { leavingCases, matrixCases, waitingCases, type MatrixCase, type WaitingCase } from './matrix-cases.ts';
import { figureOf, startMatrixLab, type MatrixLab } from './matrix-lab.ts';
import { cellOf, MatrixTable } from './matrix-table.ts';
import { servedModel, type Sdk, type Seen } from './sdk.ts';

/** What an SDK has made of one row. */
type End = { readonly seen: Seen } | { readonly failure: Failure };

/** Anthropic's own status for a 503. */
const overloadedAtAnthropic = 529;

/**
 * Each SDK through each row of the matrix, over a real router. `told` names the file that holds what each of them sees;
 * with `vitest -u` it is written anew.
 */
export function sdkMatrix(sdks: readonly Sdk[], told: string): void {
  const table = new MatrixTable(sdks, [...matrixCases, ...waitingCases, ...leavingCases]);
  const withLab = (env: Readonly<Record<string, string>> = {}, clock?: TestClock): (() => MatrixLab) => {
    const started = endAfterAll();
    let lab: MatrixLab | undefined;
    beforeAll(async () => {
      lab = await started.use(startMatrixLab({ FAIRWAY_CAPACITY_TIMEOUT_MS: '100', ...env }, clock));
    });
    return () => lab as MatrixLab;
  };
  const check = async (sdk: Sdk, one: MatrixCase, { lab, end }: { lab: MatrixLab; end: End }): Promise<void> => {
    const { expected, how, asked, attempts } = one;
    table.note(sdk, one, 'failure' in end ? cellOf(end.failure) : '✓');
    if (expected === 'answer') expect(end).toEqual({ seen: await sdk[how](lab.direct, asked, {}) });
    else expect(end).toMatchObject({ failure: { text: expect.stringContaining(expected.says) } });
    if (expected !== 'answer' && expected.status !== undefined)
      expect(end).toMatchObject({ failure: { status: expect.toBeOneOf(statusesOf(expected.status)) } });
    if (attempts !== undefined) expect(lab.replicas.seen()).toHaveLength(attempts);
  };

  describe.each(sdks)('$name', (sdk) => {
    const lab = withLab();
    const cases = matrixCases.filter(({ needs }) => needs === undefined || sdk.features.includes(needs));
    it.each(cases)('$how: $name', async (one) => {
      lab().replicas.strike(one.fault);
      await check(sdk, one, { lab: lab(), end: await run(sdk, lab(), one) });
    });
    if (!sdk.features.includes('leaving')) return;
    it.each(leavingCases)('$how: $name, and the replica is free within 100 ms', async (one) => {
      lab().replicas.strike(one.fault);
      const took = await leave(sdk, lab(), one);
      expect(took).toBeLessThan(100);
      await eventually(async () => expect(await figureOf(lab().router, 'in_flight_requests')).toBe(0));
      table.note(sdk, one, '✓');
    });
  });

  describe.each(waitingCases)('$name', (one) => {
    const clock = createTestClock(systemClock.now());
    const lab = withLab({ FAIRWAY_FIRST_TOKEN_TIMEOUT_MS: String(one.firstTokenTimeoutMs) }, clock);
    let ends: Map<Sdk, End>;
    beforeAll(async () => {
      ends = await waitTogether(sdks, { lab: lab(), one }, async (ms) => {
        // A turn of real time after each second, so that looks at the replicas are answered in theirs.
        for (let passed = 0; passed < ms; passed += 1000) {
          await clock.advance(1000);
          await figureOf(lab().router, 'in_flight_requests');
        }
      });
    });
    it.each(sdks)('$name', async (sdk) => check(sdk, one, { lab: lab(), end: ends.get(sdk) as End }));
  });

  it('what each of them sees is written down', async () => {
    await expect(`${preface}\n\n${table.toString()}\n`).toMatchFileSnapshot(told);
  });

  if (process.env['FAIRWAY_TEST_ALL'] === undefined) return;
  describe.each(waitingCases.slice(0, 1))('in real time: $name', (one) => {
    const lab = withLab();
    let ends: Map<Sdk, End>;
    beforeAll(async () => {
      ends = await waitTogether(sdks, { lab: lab(), one }, (ms) => systemClock.sleep(ms));
    }, 2 * one.waitMs);
    it.each(sdks)('$name', async (sdk) => check(sdk, one, { lab: lab(), end: ends.get(sdk) as End }));
  });
}

const preface = `# What each SDK sees

Written by \`npm test -- router/testing/sdks -u\`, and compared by every run. The rows are \`matrix-cases.ts\`, the columns the adapters
of this folder. ✓: the engine's own answer, whole. A number: an error with this status. raises: an error without one, since it
came after the 200. chunk: the error is handed over as content. —: the SDK gives its user no way to ask for it.

The SDKs for Python (\`sdk-matrix-python.md\`) are driven where \`FAIRWAY_SDK_PYTHON\` names an interpreter that has
\`requirements.txt\`: \`python3 -m venv ~/.cache/fairway/python-sdks\`, then its \`bin/pip install -r router/testing/sdks/requirements.txt\`.`;

function statusesOf(status: number): number[] {
  return status === 503 ? [503, overloadedAtAnthropic] : [status];
}

async function run(sdk: Sdk, lab: MatrixLab, { how, asked, of = 'awake' }: MatrixCase): Promise<End> {
  try {
    const seen = await sdk[how](lab[of], asked, {});
    return seen.told === undefined ? { seen } : { failure: { ...failureOf(seen.told), name: 'a chunk' } };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}

/** Milliseconds from a client's leaving until the replica's connection is closed, without those that were stolen. */
async function leave(sdk: Sdk, { awake, replicas }: MatrixLab, one: (typeof leavingCases)[number]): Promise<number> {
  const controller = new AbortController();
  const text = Promise.withResolvers<void>();
  // Some end quietly, as if it were the answer's end: their users know that they left.
  const ended = sdk[one.how](awake, one.asked, { signal: controller.signal, onText: text.resolve }).catch(() => {});
  if (one.fault?.kind === 'stuck') await text.promise;
  else await eventually(() => expect(replicas.seen()).toHaveLength(1), { everyMs: 5 });
  await using stolen = watchStolenTime();
  const leftAt = performance.now();
  controller.abort();
  await eventually(() => expect(replicas.seen()[0]?.abortedAt).toBeDefined(), { everyMs: 5 });
  await ended;
  expect(replicas.seen()).toHaveLength(1);
  return (replicas.seen()[0]?.abortedAt ?? 0) - leftAt - stolen.ms();
}

/**
 * Every SDK at once, and a client that counts heartbeats beside them: all of them wait for `one.waitMs`, and then the gate is
 * opened.
 */
async function waitTogether(
  sdks: readonly Sdk[],
  { lab, one }: { lab: MatrixLab; one: WaitingCase },
  pass: (ms: number) => Promise<void>,
): Promise<Map<Sdk, End>> {
  const { url, key } = lab.awake;
  lab.replicas.strike(one.fault);
  const asking = sdks.map(async (sdk) => [sdk, await run(sdk, lab, one)] as const);
  const body = JSON.stringify({ model: servedModel, stream: true, messages: [{ role: 'user', content: 'And this?' }] });
  const listening = ask({ url, headers: { authorization: `Bearer ${key}` }, body });
  await eventually(() => expect(lab.replicas.seen()).toHaveLength(sdks.length + 1));
  await pass(one.waitMs);
  lab.replicas.openGate();
  const heartbeats = (await listening).text.split('\n\n').filter((event) => event.startsWith(':'));
  expect(heartbeats.length).toBeGreaterThanOrEqual(one.heartbeats);
  return new Map(await Promise.all(asking));
}
