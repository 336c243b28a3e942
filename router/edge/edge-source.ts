import type { EdgeCopy } from './edge-copy.ts';

/** Where access and pools come from, and where a router's reports go. It fills the copy that it was made with. */
export interface EdgeSource extends AsyncDisposable {
  /** Newest revision of the pools that has been applied; 0 while that is not known. */
  poolRevision(): number;
  /** Why the copy may be old; empty when all is well. */
  doubts(): string[];
  /** Sends a report without waiting; false when it cannot. A report that cannot go now is not worth keeping. */
  report(subject: string, text: string): boolean;
  /** Sends a report and waits for the word that it is stored; false when nobody gives it. It is then told again. */
  deliver(subject: string, text: string): Promise<boolean>;
  /** Waits until what was reported is on its way, within a second. */
  flush(): Promise<void>;
}

/** Starts a source for a copy. */
export type StartEdgeSource = (copy: EdgeCopy) => EdgeSource;
