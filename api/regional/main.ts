import { runService } from '#shared/runtime/run-service.ts';
import { readRegionalConfig } from './config.ts';
import { startRegionalApi } from './service.ts';

await runService('api-regional', ({ log }) => startRegionalApi(readRegionalConfig(), { log }));
