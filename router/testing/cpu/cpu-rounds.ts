const rounds = 15;
const roundMicros = 10_000;

/**
 * Microseconds of CPU of this process per call of each of these. They run in turns, and their best round counts: whoever
 * else uses the machine only adds, by its caches too. Compare them with each other, in one run.
 */
export async function cpuRounds<Name extends string>(
  acts: Readonly<Record<Name, () => unknown>>,
): Promise<Record<Name, number>> {
  const runs: { name: string; act: () => unknown; calls: number }[] = [];
  for (const [name, act] of Object.entries<() => unknown>(acts)) runs.push({ name, act, calls: await callsIn(act) });
  const best = new Map<string, number>();
  for (let round = 0; round < rounds; round++)
    for (const { name, act, calls } of runs)
      best.set(name, Math.min(best.get(name) ?? Infinity, (await microsOf(act, calls)) / calls));
  return Object.fromEntries(best) as Record<Name, number>;
}

/** How many calls one round takes; also warms it up. */
async function callsIn(act: () => unknown): Promise<number> {
  let calls = 1;
  while ((await microsOf(act, calls)) < roundMicros) calls *= 2;
  return calls;
}

async function microsOf(act: () => unknown, calls: number): Promise<number> {
  const before = process.cpuUsage();
  for (let call = 0; call < calls; call++) await act();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
