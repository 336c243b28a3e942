import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readRun } from '#loadtest/record/run-folder.ts';
import { runLoad } from './run-load.ts';

const isWhole = process.env['FAIRWAY_TEST_ALL'] !== undefined;

/** What the command says, and its exit code. It is ended when its progress is this text. */
async function load(line: string, endsAt?: string): Promise<{ code: number; said: string }> {
  const stop = new AbortController();
  let said = '';
  const code = await runLoad(line.split(' ').filter(Boolean), {
    out: (text) => void (said += text),
    progress: (text) => endsAt !== undefined && text.includes(endsAt) && stop.abort(),
    signal: stop.signal,
  });
  return { code, said };
}

it('alone it says which scenarios there are', async () => {
  const { code, said } = await load('');
  expect(code).toBe(0);
  expect(said).toMatch(/calm {2,}A fleet with room.* \[6 runs, \d+ s\]/);
  expect((await load('calm --help')).said).toBe(said);
});

it.each([
  ['clam --virtual', /no scenario "clam".*calm/s],
  ['calm --vitrual', /vitrual/],
  ['rollout', /A rollout is simulated in virtual time alone/],
  ['calm --policy kubeai', /kubeai is a rule of virtual time alone/],
  ['calm --virtual --time-scale 0.1', /--time-scale and --stack are of processes/],
  ['calm --stack nowhere.json', /nowhere\.json is not what a stack writes.*npm run dev -- --json nowhere/],
  ['calm --time-scale fast', /--time-scale takes numbers/],
  ['calm flood --virtual', /One scenario at a time/],
  ['calm --virtual --seeds 3-1', /3-1 ends before it begins/],
  ['calm --virtual --routers none', /--routers takes whole numbers/],
  ['calm --virtual --policy best', /policy/],
  ['trace --virtual', /--trace FILE/],
  ['trace --virtual --trace nowhere.jsonl', /cannot be read.*nowhere\.jsonl/],
  ['trace --virtual --speed 2', /--speed is that of a --trace/],
  [`trace --virtual --speed fast --trace ${import.meta.filename}`, /speed/],
])('does not run what it does not understand: %s', async (line, says) => {
  const { code, said } = await load(line);
  expect([code, said]).toEqual([2, expect.stringMatching(says)]);
});

// Simulations compute for seconds; on a busy machine that takes longer. Whoever reads the marks plays more seeds.
it.each(isWhole ? ['redis-loss', 'calm', 'herd', 'replica-death', 'slow-replicas'] : ['redis-loss'])(
  'with its first seed %s does what its marks ask for, and all runs are kept',
  async (scenario) => {
    const folder = await temporaryFolder();
    const { code, said } = await load(`${scenario} --virtual --seed 1 --report --keep ${folder}`);
    expect([code, said]).toEqual([0, expect.stringContaining('passed: all')]);
    expect(said).toMatch(/the runs as a page: .*report\.html/);
    const runs = (await readdir(folder)).filter((entry) => entry !== 'report');
    expect(runs).toContain(`${scenario}-seed-1`);
    expect(runs.length).toBeGreaterThan(1);
    for (const run of runs) {
      const { about, figures } = await readRun(join(folder, run));
      expect(about.command).toBe(`npm run load -- ${scenario} --seed 1 --virtual`);
      expect(figures?.requestsPerSecond).toBeGreaterThan(1);
    }
  },
  300_000,
);

it('ended early it keeps what there is, and does not judge', async () => {
  const folder = await temporaryFolder();
  const early = await load(`calm --virtual --seed 2 --keep ${folder}`, '11 of 30');
  expect([early.code, early.said.includes('marks')]).toEqual([130, false]);
  expect((await readRun(join(folder, 'calm-seed-2'))).figures?.requestsPerSecond).toBeGreaterThan(1);
  const inWarmUp = await load(`calm --virtual --seed 3 --keep ${folder}`, ': 1 of 30');
  expect([inWarmUp.code, (await readRun(join(folder, 'calm-seed-3'))).figures]).toEqual([130, undefined]);
}, 120_000);

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fairway-load-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}
