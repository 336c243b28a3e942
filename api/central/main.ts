import { maskConfig } from '#shared/runtime/read-config.ts';
import { runService } from '#shared/runtime/run-service.ts';
import { readCentralConfig, centralConfigSchema } from './config.ts';
import { startCentralApi } from './service.ts';

await runService('api-central', ({ log, signal }) => {
  const config = readCentralConfig();
  log.info({ config: maskConfig(centralConfigSchema, config) }, 'config.read');
  return startCentralApi(config, { log, signal });
});
