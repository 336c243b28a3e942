import { maskConfig } from '#shared/runtime/read-config.ts';
import { runService } from '#shared/runtime/run-service.ts';
import { readProvisionerConfig, provisionerSchema } from './config.ts';
import { startProvisioner } from './service.ts';

await runService('provisioner', ({ log, signal }) => {
  const config = readProvisionerConfig();
  log.info({ config: maskConfig(provisionerSchema, config) }, 'config.read');
  return startProvisioner(config, { log, signal });
});
