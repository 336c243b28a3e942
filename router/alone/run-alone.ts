import { systemClock } from '#shared/runtime/clock.ts';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { environment } from '#shared/runtime/environment.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { runService, type Service } from '#shared/runtime/run-service.ts';
import type { EdgeCopy } from '../edge/edge-copy.ts';
import { readAloneOptions, UsageAskedError } from './alone-options.ts';
import { standAlone, type StandAlone } from './stand-alone.ts';
import type { UpstreamsEdgeSource } from './upstreams-edge-source.ts';
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
    const manners = { level: 'warn', sayProblem } as const;
    await runService(
      'router',
      async ({ log }) => {
        const { env, ...overrides } = standAlone(options, environment(), { clock: systemClock, log });
        const ready = Promise.withResolvers<UpstreamsEdgeSource>();
        const edge = (copy: EdgeCopy): UpstreamsEdgeSource => {
          const source = overrides.edge(copy);
          ready.resolve(source);
          return source;
        };
        const router = await start(env, { ...overrides, edge, log });
        const source = await ready.promise;
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
