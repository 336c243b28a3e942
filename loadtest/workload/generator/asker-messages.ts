import type { RequestRecord } from '#loadtest/record/request-record.ts';
import type { WorkloadChoice } from '../workload.ts';
import type { Strain } from './strain.ts';
import type { BodyStyle } from './written-body.ts';

/** What one of the processes that ask is to do. */
export interface AskerJob {
  readonly url: string;
  readonly token: string | undefined;
  readonly style: Omit<BodyStyle, 'shared'>;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly choice: WorkloadChoice;
  readonly speed: number;
  /** Of askers and arrivals it has those whose index leaves `part` over when it is divided by `parts`. */
  readonly part: number;
  readonly parts: number;
  /** Requests of an open loop that it has at once. */
  readonly openMax: number;
  readonly warmUpMs: number;
  /** By `process.hrtime.bigint()`, which all processes of a machine share. */
  readonly beganAt: string;
}

/** What a process that asks is told. */
export type ToAsker = { readonly kind: 'begin'; readonly job: AskerJob } | { readonly kind: 'stop' };

/** What it tells. */
export type FromAsker =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'seen';
      readonly records: readonly RequestRecord[];
      readonly inFlight: number;
      /** The most at once since it was last told. */
      readonly inFlightMax: number;
      /** Of codes that are new. */
      readonly firstWords: readonly (readonly [code: string, words: string])[];
    }
  | { readonly kind: 'ended'; readonly strain: Strain };
