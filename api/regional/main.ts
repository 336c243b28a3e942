import { maskConfig } from '#shared/runtime/read-config.ts';
import { runService } from '#shared/runtime/run-service.ts';
import { readRegionalConfig, regionalConfigSchema } from './config.ts';
import { startRegionalApi } from './service.ts';

await runService('api-regional', ({ log, signal }) => {
  const config = readRegionalConfig();
  log.info({ config: maskConfig(regionalConfigSchema, config) }, 'config.read');
  return startRegionalApi(config, { log, signal });
});
