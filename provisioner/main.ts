import { runService } from '#shared/runtime/run-service.ts';
import { readProvisionerConfig } from './config.ts';
import { startProvisioner } from './service.ts';

await runService('provisioner', ({ log, signal }) => startProvisioner(readProvisionerConfig(), { log, signal }));
