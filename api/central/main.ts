import { runService } from '#shared/runtime/run-service.ts';
import { readCentralConfig } from './config.ts';
import { startCentralApi } from './service.ts';

await runService('api-central', ({ log }) => startCentralApi(readCentralConfig(), { log }));
