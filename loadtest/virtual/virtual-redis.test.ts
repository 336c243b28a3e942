import { describeLedgerChannel, type LedgerMedium } from '../../router/ledger/ledger-channel.contract.ts';
import { VirtualRedis } from './virtual-redis.ts';
import { ProcessTime, VirtualTime } from './virtual-time.ts';

const [stepMs, patienceMs] = [10, 10_000] as const;

function createMedium(): Promise<LedgerMedium> {
  const time = new VirtualTime();
  const redis = new VirtualRedis(time, 1);
  const setUp = (isUp: boolean): Promise<void> => {
    redis.isUp = isUp;
    return Promise.resolve();
  };
  return Promise.resolve({
    open: (router) => redis.open(router, new ProcessTime(time)),
    async eventually(look) {
      for (;;) {
        try {
          return look();
        } catch (error) {
          if (time.now() > patienceMs) throw error;
          await time.run(time.now() + stepMs);
        }
      }
    },
    cut: () => setUp(false),
    heal: () => setUp(true),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

describeLedgerChannel('VirtualLedgerChannel', createMedium);
