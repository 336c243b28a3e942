import { runService } from '#shared/runtime/run-service.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { readKubeletConfig } from './config.ts';
import { startKubelet } from './service.ts';

await runService('kubelet', ({ log }) => startKubelet(readKubeletConfig(), { log, clock: systemClock }));
