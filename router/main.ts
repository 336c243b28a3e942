import { runService } from '#shared/runtime/run-service.ts';
import { runAlone } from './alone/run-alone.ts';
import { readAloneConfig, readRouterConfig } from './config.ts';
import { leavePrimary, mannersOfWorker } from './processes/worker-word.ts';
import { startRouters } from './service.ts';

const [command, ...args] = process.argv.slice(2);
if (command === 'route') await runAlone(args, (env, overrides) => startRouters(readAloneConfig(env), overrides));
else await runService('router', ({ log }) => startRouters(readRouterConfig(), { log }), mannersOfWorker());
leavePrimary();
