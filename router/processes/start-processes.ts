import { randomBytes } from 'node:crypto';
import { Counter, Gauge } from 'prom-client';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { createRegistry } from '#shared/runtime/metrics.ts';
import { serveProcessesAdmin } from './processes-admin.ts';
import { WorkerProcesses } from './worker-processes.ts';
import { tellPrimary, type WorkerPlaces } from './worker-word.ts';

/** What all processes of a router have in common. */
export interface ProcessesOptions {
  readonly count: number;
  /** Each is a router of its own in the ledger: this name (default: random), "-" and its number. */
  readonly name: string | undefined;
  readonly admin: { readonly host: string; readonly port: number };
  /** Each one's share of what is bounded, and what else differs from the environment of this process. */
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Several processes of one router, behind one address. */
export interface RunningProcesses extends AsyncDisposable, WorkerPlaces {
  readonly routerId: string;
  /** Exchanges all processes one by one, without losing a connection. */
  renew(): void;
}

/** Starts what takes requests: here or, where there are to be more of it, in processes of its own. */
export async function inProcesses<One extends WorkerPlaces & AsyncDisposable>(
  options: ProcessesOptions,
  startOne: () => Promise<One>,
): Promise<One | RunningProcesses> {
  if (options.count > 1) return startProcesses(options);
  const one = await startOne();
  tellPrimary({ kind: 'started', url: one.url, privateUrl: one.privateUrl, adminUrl: one.adminUrl });
  return one;
}

/** Starts them; each takes requests in turn (node:cluster), and ends like a router by itself. */
async function startProcesses(options: ProcessesOptions): Promise<RunningProcesses> {
  const { count, name, admin: place, env, clock, log } = options;
  const routerId = name ?? `r-${randomBytes(6).toString('hex')}`;
  await using stack = new AsyncDisposableStack();
  const registry = createRegistry('router');
  const counter = new Counter({
    name: 'fairway_router_processes_total',
    help: 'Processes that died and were started again, or were exchanged; ledger messages that one was too slow for.',
    labelNames: ['what'],
    registers: [registry],
  });
  const routerOf = (number: number): string => `${routerId}-${number}`;
  const processes: WorkerProcesses = stack.use(
    await WorkerProcesses.start({
      count,
      routerOf,
      envOf: (number) => ({ ...env, FAIRWAY_ROUTER_ID: routerOf(number) }),
      isReady: ({ adminUrl }) => isReady(adminUrl),
      counted: (what) => counter.inc({ what }),
      clock,
      log,
    }),
  );
  new Gauge({
    name: 'fairway_router_processes',
    help: 'Processes that take requests.',
    registers: [registry],
    collect(): void {
      this.set(processes.list().filter((process) => process.places !== undefined).length);
    },
  });
  const [first] = processes.list();
  if (first === undefined) throw new Error('a router has one process at least');
  const { url, privateUrl } = await first.started;
  let stopping = false;
  const admin = await serveProcessesAdmin({
    ...place,
    registry,
    processes: () => processes.list(),
    stopping: () => stopping,
  });
  const running = stack.move();
  return {
    url,
    privateUrl,
    adminUrl: admin.url,
    routerId,
    renew: () => void processes.exchange().catch((err: unknown) => log.error({ err }, 'process.exchange_failed')),
    async [Symbol.asyncDispose]() {
      stopping = true;
      // Balancers see that it is not ready, operators its last requests.
      await running.disposeAsync();
      await admin[Symbol.asyncDispose]();
    },
  };
}

async function isReady(adminUrl: string): Promise<boolean> {
  try {
    return (await fetch(`${adminUrl}/readyz`, { signal: AbortSignal.timeout(2000) })).ok;
  } catch {
    return false;
  }
}
