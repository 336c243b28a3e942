import { runService } from '#shared/runtime/run-service.ts';
import { readClusterConfig } from './config.ts';
import { startCluster } from './service.ts';

await runService('cluster', ({ log }) => startCluster(readClusterConfig(), { log }));
