import { runService } from '#shared/runtime/run-service.ts';
import { readRouterConfig } from './config.ts';
import { startRouter } from './service.ts';

await runService('router', ({ log }) => startRouter(readRouterConfig(), { log }));
