import { maskConfig } from '#shared/runtime/read-config.ts';
import { runService } from '#shared/runtime/run-service.ts';
import { readRouterConfig, routerConfigSchema } from './config.ts';
import { startRouter } from './service.ts';

await runService('router', ({ log }) => {
  const config = readRouterConfig();
  log.info({ config: maskConfig(routerConfigSchema, config) }, 'config.read');
  return startRouter(config, { log });
});
