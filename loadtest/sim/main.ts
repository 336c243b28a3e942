import { runService } from '#shared/runtime/run-service.ts';
import { readSimConfig } from './config.ts';
import { startSim } from './service.ts';

await runService('sim', () => startSim(readSimConfig(process.argv.slice(2), process.env)));
