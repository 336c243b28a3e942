import { systemClock } from '#shared/runtime/clock.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { describeLedgerChannel } from '../ledger/ledger-channel.contract.ts';
import { LedgerRelay } from './ledger-relay.ts';
import { RelayedLedgerChannel, type RelayLink } from './relayed-ledger-channel.ts';

describeLedgerChannel('RelayedLedgerChannel', () => {
  const relay = new LedgerRelay();
  let isCut = false;
  const linkOf = (router: string): RelayLink => ({
    send: (text, to, sent) =>
      setImmediate(() => {
        if (!isCut) relay.say(router, text, to);
        sent();
      }),
    hear: (handler) => relay.join(router, (text) => void setImmediate(handler, text)),
  });
  return Promise.resolve({
    open: (router: string) =>
      new RelayedLedgerChannel({ router, link: linkOf(router), clock: systemClock, log: silentLogger() }),
    eventually: (look: () => void) => eventually(look),
    cut: () => Promise.resolve(void (isCut = true)),
    heal: () => Promise.resolve(void (isCut = false)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});
