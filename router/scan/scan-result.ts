import type { RequestFields } from './request-fields.ts';
import type { ScanErrorCode } from './scan-error.ts';
import type { SpanKind } from './span-rules.ts';

/** Half-open range of byte offsets in the body. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** The chain of one top-level member that becomes prompt. The three lists have one entry per block. */
export interface ScannedSpan {
  readonly key: string;
  readonly kind: SpanKind;
  /** Chained 64-bit hashes: equal means equal up to here. */
  readonly hashes: readonly bigint[];
  /** Hashed bytes of the span up to the end of each block. */
  readonly ends: readonly number[];
  /** Whether a message (array element) ends with the block. */
  readonly messageEnds: readonly boolean[];
  /** The block that ends with the first user message; -1 if there is none. A text without roles counts as one. */
  readonly firstUserEnd: number;
}

export interface ScannedRequest extends RequestFields {
  readonly ok: true;
  /** Length of the body in bytes. */
  readonly bytes: number;
  /** Where splices go. */
  readonly at: {
    /** The top-level braces, both included. */
    readonly object: ByteRange;
    /** Number of members of the top-level object: whether an added one needs a comma. */
    readonly members: number;
    readonly model?: ByteRange;
    readonly streamOptions?: ByteRange;
  };
  /** The value of `stream_options` as compact JSON, for a splice that replaces it. */
  readonly streamOptionsJson?: string;
  /** In the order of the rules, without those that are absent, empty or null. */
  readonly spans: readonly ScannedSpan[];
}

export interface ScanProblem {
  readonly ok: false;
  readonly code: ScanErrorCode;
  /** Byte offset. */
  readonly at: number;
  /** The routing key concerned, where there is one. */
  readonly key?: string;
}

export type ScanResult = ScannedRequest | ScanProblem;
