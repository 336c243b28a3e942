/**
 * Why a body cannot be routed:
 * - `invalid_json`: brackets, commas, quotes or the end are not where JSON has them. Structure only: the inside of
 *   numbers, literals and escapes is left to the engine.
 * - `not_an_object`: JSON, but not an object at the top.
 * - `too_deep`: nested deeper than the limit.
 * - `duplicate_key`, `escaped_key`: a routing key stands twice, or is spelled with escapes, so that the engine might
 *   see another value than the router.
 * - `invalid_value`: a routing key has a value of the wrong type, or a longer one than any real client sends. Engines
 *   coerce such values ("16" becomes 16), so a limit that reads them otherwise would be no limit.
 */
export type ScanErrorCode =
  | 'invalid_json'
  | 'not_an_object'
  | 'too_deep'
  | 'duplicate_key'
  | 'escaped_key'
  | 'invalid_value';

/** Ends a scan; the scanner catches it and returns it as data. */
export class ScanError extends Error {
  readonly code: ScanErrorCode;
  /** Byte offset in the body. */
  readonly at: number;
  /** The routing key concerned, where there is one. */
  readonly key: string | undefined;

  constructor(code: ScanErrorCode, at: number, key?: string) {
    super(code);
    this.name = 'ScanError';
    this.code = code;
    this.at = at;
    this.key = key;
  }
}
