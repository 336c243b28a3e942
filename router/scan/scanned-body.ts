import type { BodyRules, RoutingFields, SpanKind } from './body-rules.ts';

/** Half-open range of byte offsets in the body. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A routing field as it stands in the body. */
export interface FieldText extends ByteRange {
  /** Its value, without white space between tokens. */
  readonly json: string;
}

/** The chain of one top-level member that becomes prompt. The lists have one entry per block. */
export interface ScannedSpan {
  readonly key: string;
  readonly kind: SpanKind;
  /** Messages (elements of a list) that do count; numbers of a list are one together, as a text is. */
  readonly messages: number;
  /** Chained 64-bit hashes: equal means equal up to here. */
  readonly hashes: BigUint64Array;
  /** Hashed bytes of the span up to the end of each block, those of media left out. */
  readonly ends: readonly number[];
  /** Media of the span up to the end of each block. */
  readonly media: readonly number[];
  /** Whether a message (array element) ends with the block. */
  readonly messageEnds: readonly boolean[];
  /** The block that ends with the first user message; -1 if there is none. A text without roles counts as one. */
  readonly firstUserEnd: number;
}

/** What routing knows of a body. */
export interface ScannedBody extends RoutingFields {
  readonly ok: true;
  /** Length of the body in bytes. */
  readonly bytes: number;
  /** The top-level object, both braces included. */
  readonly object: ByteRange;
  /** Number of its members: whether an added one needs a comma. */
  readonly members: number;
  /** The routing fields that occur, by name; `null` is one. */
  readonly fields: ReadonlyMap<string, FieldText>;
  /** What to cut, in any order, so that the volatile elements go; commas stay right. */
  readonly volatile: readonly ByteRange[];
  /** In the order of the rules, without those that are absent, empty or null. */
  readonly spans: readonly ScannedSpan[];
}

/** How many prompts a body has that are answered apart. */
export function promptsOf({ spans }: ScannedBody, { batch }: Pick<BodyRules, 'batch'>): number {
  return spans.find(({ key }) => key === batch)?.messages ?? 1;
}

/** Of a request that has none. */
export const noBody: ScannedBody = {
  ok: true,
  bytes: 0,
  object: { start: 0, end: 0 },
  members: 0,
  fields: new Map(),
  spans: [],
  volatile: [],
};

/**
 * Why a body cannot be routed:
 * - `invalid_json`: brackets, commas, quotes or the end are not where JSON has them. Structure only: the inside of
 *   numbers, literals and escapes is left to the engine.
 * - `not_an_object`: JSON, but not an object at the top.
 * - `too_deep`: nested deeper than the limit.
 * - `duplicate_key`, `escaped_key`: a routing key stands twice, or is spelled with escapes, so that the engine might
 *   see another value than the router.
 * - `wrong_type`: a routing key has a value of the wrong type, or a longer one than any real client sends. Engines
 *   coerce such values ("16" becomes 16), so a limit that reads them otherwise would be no limit.
 * - `out_of_range`: the type is right, and no engine takes the value.
 */
export type ScanProblemCode =
  | 'invalid_json'
  | 'not_an_object'
  | 'too_deep'
  | 'duplicate_key'
  | 'escaped_key'
  | 'wrong_type'
  | 'out_of_range';

/** Why a body cannot be routed, and where. */
export interface ScanProblem {
  readonly ok: false;
  readonly code: ScanProblemCode;
  /** Byte offset. */
  readonly at: number;
  /** The routing key concerned, where there is one. */
  readonly key?: string;
}

/** Ends a scan; the scanner catches it and returns it as data. */
export class ScanError extends Error {
  override name = 'ScanError';
  readonly code: ScanProblemCode;
  readonly at: number;
  readonly key: string | undefined;

  constructor(code: ScanProblemCode, at: number, key?: string) {
    super(code);
    this.code = code;
    this.at = at;
    this.key = key;
  }
}
