import cluster from 'node:cluster';
import type { Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { SolitaryLedgerChannel } from '../ledger/solitary-ledger-channel.ts';
import { RelayedLedgerChannel } from './relayed-ledger-channel.ts';
import { primaryLink } from './worker-word.ts';

/** The ledger without Redis: over the process that started this one, which has others beside it then, or of the only one. */
export function localLedger(parts: {
  router: string;
  clock: Clock;
  log: Logger;
}): RelayedLedgerChannel | SolitaryLedgerChannel {
  return cluster.isWorker ? new RelayedLedgerChannel({ ...parts, link: primaryLink() }) : new SolitaryLedgerChannel();
}
