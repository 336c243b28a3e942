const rounds = 15;
const roundMicros = 10_000;

/**
 * Microseconds of CPU of this process per call of each of these. They run in turns, and their best round counts: whoever
 * else uses the machine only adds, by its caches too. Compare them with each other, in one run.
 */
export function cpuRounds<Name extends string>(acts: Readonly<Record<Name, () => unknown>>): Record<Name, number> {
  const runs = Object.entries<() => unknown>(acts).map(([name, act]) => ({ name, act, calls: callsIn(act) }));
  const best = new Map<string, number>();
  for (let round = 0; round < rounds; round++)
    for (const { name, act, calls } of runs)
      best.set(name, Math.min(best.get(name) ?? Infinity, microsOf(act, calls) / calls));
  return Object.fromEntries(best) as Record<Name, number>;
}

/** How many calls one round takes; also warms it up. */
function callsIn(act: () => unknown): number {
  let calls = 1;
  while (microsOf(act, calls) < roundMicros) calls *= 2;
  return calls;
}

function microsOf(act: () => unknown, calls: number): number {
  const before = process.cpuUsage();
  for (let call = 0; call < calls; call++) act();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
