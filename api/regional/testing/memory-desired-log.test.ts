import { describeDesiredLog } from './desired-log.contract.ts';
import { MemoryDesiredLog } from './memory-desired-log.ts';

describeDesiredLog('MemoryDesiredLog', () =>
  Promise.resolve({ log: new MemoryDesiredLog(), [Symbol.asyncDispose]: () => Promise.resolve() }),
);
