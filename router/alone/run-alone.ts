import cluster from 'node:cluster';
import { systemClock } from '#shared/runtime/clock.ts';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { environment } from '#shared/runtime/environment.ts';
import { silentLogger, type Logger } from '#shared/runtime/log.ts';
import { runService, type Service } from '#shared/runtime/run-service.ts';
import { EdgeCopy } from '../edge/edge-copy.ts';
import { mannersOfWorker } from '../processes/worker-word.ts';
import { readAloneOptions, UsageAskedError } from './alone-options.ts';
import { standAlone, type StandAlone } from './stand-alone.ts';
import { welcome } from './welcome.ts';

/** Starts a router by the variables of its environment and by what comes in the place of the outside. */
type Start = (
  env: StandAlone['env'],
  overrides: Omit<StandAlone, 'env'> & { log: Logger },
) => Promise<Service & { url: string; adminUrl: string }>;

/** `npm run route`: a router by itself in front of the servers that its command line names. */
export async function runAlone(args: readonly string[], start: Start): Promise<void> {
  const out = (text: string): void => void process.stdout.write(text);
  const sayProblem = (text: string): void => void process.stderr.write(`\nFairway could not start.\n${text}\n`);
  try {
    const options = readAloneOptions(args, environment());
    const { processes } = options;
    const manners = { level: 'warn', sayProblem, ...mannersOfWorker() } as const;
    await runService(
      'router',
      async ({ log }) => {
        const { env, ...overrides } = standAlone(options, environment(), { clock: systemClock, log });
        if (cluster.isWorker) return start(env, { ...overrides, log });
        const router = await start(
          { ...env, ...(processes && { FAIRWAY_PROCESSES: processes }) },
          { ...overrides, log },
        );
        // A look of its own: with several processes this one has no router.
        await using source = overrides.edge(new EdgeCopy({ vpcId: env['FAIRWAY_VPC_ID'] ?? '', log: silentLogger() }));
        await source.settled;
        out(welcome(options, source, router));
        return router;
      },
      manners,
    );
  } catch (error) {
    if (error instanceof UsageAskedError) return out(`${error.message}\n`);
    if (!(error instanceof ConfigError)) throw error;
    process.exitCode = 1;
    sayProblem(error.message);
  }
}
