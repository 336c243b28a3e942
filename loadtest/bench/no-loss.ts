import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Clone, root, type ServingStack } from './clone.ts';
import { comparisonTable, holds, type Figure } from './comparison.ts';
import { addedTtft, burst, createToActive, routerCpu, routerOf } from './probe-stack.ts';

/**
 * Measures this checkout beside another one in the same run, in turns: A B, B A, A B. About eight minutes on a quiet
 * machine; both must be committed, since each is cloned. Writes loadtest/report/firm-ground.md and ends with 1 when a
 * cost has grown or a rate has shrunk by more than 5 %. Usage: node setup.mjs loadtest/bench/no-loss.ts <other checkout>
 */
async function main(): Promise<void> {
  const [other] = process.argv.slice(2);
  if (other === undefined)
    throw new Error('Usage: node setup.mjs loadtest/bench/no-loss.ts <checkout to compare with>');
  const folder = await mkdtemp(join(tmpdir(), 'fairway-no-loss-'));
  try {
    const [before, after] = [join(folder, 'before'), join(folder, 'after')];
    await Promise.all([mkdir(before), mkdir(after)]);
    const trees = { before: await Clone.of(resolve(other), before), after: await Clone.of(root, after) };
    const figures = [
      ...(await firstTokens(trees)),
      ...(await serving(trees)),
      ...(await creates(trees)),
      ...(await affinity(trees)),
    ];
    const commit = async (tree: Clone): Promise<string> =>
      (await tree.output('git', ['log', '-1', '--format=%h'])).trim();
    const text = render(figures, { before: await commit(trees.before), after: await commit(trees.after) });
    await writeFile(join(root, 'loadtest/report/firm-ground.md'), text);
    process.stdout.write(text);
    if (figures.some((figure) => holds(figure) === false)) process.exitCode = 1;
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

interface Pair<T> {
  before: T;
  after: T;
}

/** Measures both, `turns` times; who is first changes with each turn. */
async function inTurns<T, R>(
  turns: number,
  { before, after }: Pair<T>,
  measure: (tree: T, turn: number) => Promise<R>,
): Promise<Pair<R[]>> {
  const seen: Pair<R[]> = { before: [], after: [] };
  for (let turn = 0; turn < turns; turn += 1) {
    const one = async (which: 'before' | 'after'): Promise<void> => {
      seen[which].push(await measure(which === 'before' ? before : after, turn));
    };
    await one(turn % 2 === 0 ? 'before' : 'after');
    await one(turn % 2 === 0 ? 'after' : 'before');
  }
  return seen;
}

/** A figure of what was seen: `read` takes its number out of one measurement. */
function figure<R>(
  [name, unit, kind]: [string, string, Figure['kind']],
  seen: Pair<R[]>,
  read: (one: R) => number,
): Figure {
  return { name, unit, kind, before: seen.before.map(read), after: seen.after.map(read) };
}

const itself = (value: number): number => value;

async function firstTokens(trees: Pair<Clone>): Promise<Figure[]> {
  say('first token, cold');
  const cold = await inTurns(2, trees, async (tree) => {
    await tree.forget();
    return (await tree.smoke()).seconds;
  });
  say('first token, warm');
  const warm = await inTurns(7, trees, async (tree) => (await tree.smoke()).seconds);
  return [
    figure(['first token, every cache empty', 's', 'cost'], cold, itself),
    figure(['first token, warm caches', 's', 'cost'], warm, itself),
  ];
}

async function serving(trees: Pair<Clone>): Promise<Figure[]> {
  say('two stacks side by side');
  const flags = ['--time-scale', '0.02'];
  await using before = await trees.before.serve(...flags);
  await using after = await trees.after.serve(...flags);
  const stacks: Pair<ServingStack> = { before, after };
  await delay(10_000);
  const memory = await inTurns(3, stacks, async (stack) =>
    (await stack.memory()).reduce((sum, { pssBytes }) => sum + pssBytes / 2 ** 20, 0),
  );
  say('create to active');
  const active = await inTurns(5, stacks, ({ report }, turn) => createToActive(report, `no-loss-${turn}`));
  say('router');
  const warmUp = { streams: 600, tokens: 3, name: 'warm up' };
  await inTurns(1, stacks, ({ report }) => burst(routerOf(report), warmUp));
  const cpu = await inTurns(7, stacks, ({ report }, turn) => routerCpu(report, `turn ${turn}`));
  const added = await inTurns(7, stacks, ({ report }, turn) => addedTtft(report, `turn ${turn}`));
  return [
    figure(['memory of the whole tree (proportional)', 'MiB', 'cost'], memory, itself),
    figure(['create → active', 's', 'cost'], active, itself),
    figure(['router CPU per request', 'ms', 'cost'], cpu, ({ perRequest }) => perRequest),
    figure(['router CPU per chunk', 'ms', 'cost'], cpu, ({ perChunk }) => perChunk),
    figure(['first token, added by the router', 'ms', 'cost'], added, itself),
  ];
}

async function creates(trees: Pair<Clone>): Promise<Figure[]> {
  say('creates per second');
  const seen = await inTurns(4, trees, async (tree) => {
    const [bench = ''] = (await tree.output('git', ['ls-files', '*creates.bench.ts'])).split('\n');
    const lines = (await tree.output('node', ['setup.mjs', bench, '2', '32'])).trim().split('\n');
    return JSON.parse(lines.at(-1) ?? '{}') as Record<'createsPerSecond' | 'apiCpuMsPerCreate', number>;
  });
  return [
    figure(['creates', '1/s', 'rate'], seen, ({ createsPerSecond }) => createsPerSecond),
    figure(['API CPU per create', 'ms', 'cost'], seen, ({ apiCpuMsPerCreate }) => apiCpuMsPerCreate),
  ];
}

/** The end-to-end test of routing prints what it saw: `4 replicas: returned 96.7 %, …; served 150 151 159 140`. */
async function affinity(trees: Pair<Clone>): Promise<Figure[]> {
  say('affinity, 4 replicas');
  const vitest = 'setup.mjs node_modules/vitest/vitest.mjs run --config .config/vitest.config.ts --project e2e';
  const seen = await inTurns(2, trees, async (tree) => {
    const only = ['loadtest/e2e/affinity.e2e.test.ts', '-t', 'on 4 replicas'];
    const text = await tree.output('node', [...vitest.split(' '), ...only]);
    const [, returned, served = ''] = /4 replicas: returned ([\d.]+) %.*served ([\d ]+)/.exec(text) ?? [];
    const counts = served.trim().split(' ').map(Number);
    const even = counts.reduce((sum, count) => sum + count, 0) / counts.length;
    return { returned: Number(returned), uneven: Math.max(...counts) / even };
  });
  return [
    figure(['turns that return to their prefix', '%', 'rate'], seen, ({ returned }) => returned),
    figure(['most of one replica ÷ even share', '×', 'note'], seen, ({ uneven }) => uneven),
  ];
}

function render(figures: readonly Figure[], commits: Pair<string>): string {
  return [
    `# ${commits.after} beside ${commits.before}`,
    '',
    'Repeat: `node setup.mjs loadtest/bench/no-loss.ts <other checkout>` (writes this file). Both trees are measured in turns in the same run; a figure is the median of its turns, a ratio the median of the pairs, with their spread and number.',
    '',
    `Machine: ${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}). Costs may grow to 1.05 times, rates may shrink to 0.95 times.`,
    '',
    ...comparisonTable(figures),
    '',
  ].join('\n');
}

function say(what: string): void {
  process.stderr.write(`${(performance.now() / 1000).toFixed(0).padStart(4)} s  ${what}\n`);
}

await main();
