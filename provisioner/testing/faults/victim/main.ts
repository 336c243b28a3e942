import { runService } from '#shared/runtime/run-service.ts';
import { readProvisionerConfig } from '../../../config.ts';
import { startProvisioner } from '../../../service.ts';
import { watchCalls } from '../external-calls.ts';
import { faultAt, readFault } from './fault.ts';

await runService('victim', ({ log, signal }) => {
  const prover = { prove: () => Promise.resolve({ ok: true as const }) };
  const fault = readFault();
  const watched = fault === undefined ? {} : watchCalls(faultAt(fault, log));
  return startProvisioner(readProvisionerConfig(), { log, signal, prover, ...watched });
});
