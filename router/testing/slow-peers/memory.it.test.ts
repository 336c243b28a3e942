import { memoryContract } from './memory.contract.ts';

/** A tenth of `memory.slow.e2e.test.ts`, with a tenth of the room for bodies. */
memoryContract({
  uploads: 200,
  crumbs: 1,
  readers: 100,
  cut: 100,
  idle: 1000,
  bytesMax: 400e6,
  env: { FAIRWAY_BODY_BUDGET_BYTES: String(25 * 1024 * 1024) },
});
