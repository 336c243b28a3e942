import type { LedgerRow } from '../replicas/replica-table.ts';
import type { LedgerMessage } from './ledger-message.ts';

/**
 * Carries messages between the routers of one cluster: fast, and with no promise that any of them arrives, arrives once
 * or in order. Whoever listens must do without.
 */
export interface LedgerChannel extends AsyncDisposable {
  /**
   * Sends soon, to all or to the one that the message names; never waits and never throws. Of rows only the newest is sent;
   * it is repeated at every beat, so that late and cut-off routers get it too.
   */
  publish(message: LedgerMessage): void;
  /** This router's row has changed: it is asked for when it is sent, soon, however often it changes until then. */
  rowChanged(row: () => LedgerRow): void;
  /** Calls `handler` with each message of others that is for all or for this router, until the returned function is called. */
  subscribe(handler: (message: LedgerMessage) => void): () => void;
  /** Whether this router hears itself. While it does not, peers' silence means nothing. */
  up(): boolean;
}

/** Every router sends at least this often, its own row if it has one. */
export const beatMs = 500;

/** A router that has not heard itself for so long is cut off. Shorter than the time after which a silent peer is gone. */
export const echoTtlMs = 1500;
