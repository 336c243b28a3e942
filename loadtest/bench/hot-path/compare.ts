import { startRedisServer } from '#shared/testing/redis-server.ts';
import { cells, type Cell } from './cells.ts';
import { writeLocalTls } from './local-tls.ts';
import { measure, type Measured } from './measure.ts';
import {
  directTo,
  findNginx,
  placeIn,
  startFloor,
  startNginx,
  startReplicas,
  startRouter,
  type Place,
  type Target,
} from './targets.ts';

/** What is compared. */
export interface CompareOptions {
  readonly rounds: number;
  readonly seed: number;
  /** The router shares its ledger through a Redis. */
  readonly redis: boolean;
  /** Clients and replicas speak TLS. */
  readonly tls: boolean;
  /** Another checkout whose router is measured, too. */
  readonly beside?: string | undefined;
  /** Of the cells, the one of this name alone. */
  readonly only?: string | undefined;
  /** A hundredth part of the requests, to see that it works. */
  readonly tiny?: boolean;
}

/** One figure of one round. */
export interface Run {
  readonly round: number;
  readonly cell: Cell;
  readonly target: string;
  readonly measured: Measured;
}

/** Measures all targets in turns; who is first changes with each round, and the round before the first one warms up. */
export async function compare(options: CompareOptions): Promise<Run[]> {
  await using stack = new AsyncDisposableStack();
  const plain = await placeIn(stack);
  const place = { ...plain, tls: options.tls ? await writeLocalTls(plain.folder) : undefined };
  const replicas = await startReplicas(place, { processes: 2, ports: 4, paceMs: 1 });
  const targets = await startTargets(place, replicas.ports, options);
  const share = options.tiny === true ? 0.01 : 1;
  const runs: Run[] = [];
  for (let round = 0; round <= options.rounds; round += 1) {
    const first = round % targets.length;
    const turn = [...targets.slice(first), ...targets.slice(0, first)];
    for (const cell of cells.filter(({ name }) => options.only === undefined || name === options.only)) {
      const job = { ...cell, requests: Math.max(cell.connections, Math.round(cell.requests * share)) };
      const everybody = cell.isAlone === true ? [directTo(replicas.ports[0] ?? 0, place), ...turn] : turn;
      for (const target of everybody) {
        const measured = await measure(target, { ...job, seed: options.seed + round }, replicas.cpuMs);
        process.stderr.write(`round ${round}  ${cell.name}  ${target.name}  ${measured.cpu.toFixed(3)} ms\n`);
        runs.push({ round, cell, target: target.name, measured });
      }
    }
  }
  return runs.filter(({ round }) => round > 0);
}

async function startTargets(
  place: Place,
  ports: readonly number[],
  { redis, beside }: CompareOptions,
): Promise<Target[]> {
  const nginx = await findNginx();
  if (nginx === undefined)
    process.stderr.write('No nginx on PATH: no ratios to it. Install it (Debian: apt-get install nginx-light).\n');
  const redisUrl = redis ? place.stack.use(await startRedisServer()).url : undefined;
  return [
    ...(nginx === undefined ? [] : [await startNginx(nginx, place, ports)]),
    await startFloor(place, ports),
    ...(beside === undefined ? [] : [await startRouter(place, ports, { redisUrl, checkout: beside })]),
    await startRouter(place, ports, { redisUrl }),
  ];
}
