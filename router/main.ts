import { maskConfig } from '#shared/runtime/read-config.ts';
import { runService } from '#shared/runtime/run-service.ts';
import { runAlone } from './alone/run-alone.ts';
import { readAloneConfig, readRouterConfig, routerConfigSchema } from './config.ts';
import { startRouter } from './service.ts';

const [command, ...args] = process.argv.slice(2);
if (command === 'route') await runAlone(args, (env, overrides) => startRouter(readAloneConfig(env), overrides));
else
  await runService('router', ({ log }) => {
    const config = readRouterConfig();
    log.info({ config: maskConfig(routerConfigSchema, config) }, 'config.read');
    return startRouter(config, { log });
  });
