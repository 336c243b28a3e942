import type { LedgerChannel } from './ledger-channel.ts';

/** The ledger of the only router there is: nobody hears it, and nobody is missed. */
export class SolitaryLedgerChannel implements LedgerChannel {
  publish(): void {}

  rowChanged(): void {}

  subscribe(): () => void {
    return () => {};
  }

  up(): boolean {
    return true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
