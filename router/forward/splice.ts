import type { ScannedRequest } from '../scan/scan-result.ts';

/** Replaces the bytes [start, end) of a body. */
export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array;
}

/**
 * The edits that a client's body may get, from the last to the first: a stream is asked for its usage, and a model's other
 * name becomes the one that its engine knows. Everything else of the body stays byte for byte.
 */
export function planSplices(scan: ScannedRequest, engineModel: string | undefined): Splice[] {
  return [usageSplice(scan), modelSplice(scan, engineModel)]
    .filter((splice) => splice !== undefined)
    .toSorted((a, b) => b.start - a.start);
}

/** The pieces of a body with all edits made; pieces that no edit touches are the same buffers. */
export function applySplices(pieces: readonly Uint8Array[], splices: readonly Splice[]): readonly Uint8Array[] {
  return splices.reduce((body: readonly Uint8Array[], splice) => applySplice(body, splice), pieces);
}

function usageSplice(scan: ScannedRequest): Splice | undefined {
  if (scan.stream !== true || scan.includeUsage === true) return undefined;
  const { object, members, streamOptions } = scan.at;
  if (streamOptions !== undefined) {
    const given: unknown = JSON.parse(scan.streamOptionsJson ?? '{}');
    const value = { ...(typeof given === 'object' ? given : {}), include_usage: true };
    return { ...streamOptions, bytes: Buffer.from(JSON.stringify(value)) };
  }
  const member = `${members > 0 ? ',' : ''}"stream_options":{"include_usage":true}`;
  return { start: object.end - 1, end: object.end - 1, bytes: Buffer.from(member) };
}

function modelSplice(scan: ScannedRequest, engineModel: string | undefined): Splice | undefined {
  if (engineModel === undefined || scan.model === engineModel || scan.at.model === undefined) return undefined;
  return { ...scan.at.model, bytes: Buffer.from(JSON.stringify(engineModel)) };
}

function applySplice(pieces: readonly Uint8Array[], splice: Splice): Uint8Array[] {
  const result: Uint8Array[] = [];
  let offset = 0;
  let inserted = false;
  for (const piece of pieces) {
    const from = Math.max(0, splice.start - offset);
    const to = Math.max(0, splice.end - offset);
    if (from > 0) result.push(piece.subarray(0, from));
    if (!inserted && from < piece.length) {
      result.push(splice.bytes);
      inserted = true;
    }
    if (to < piece.length && from < piece.length) result.push(piece.subarray(to));
    offset += piece.length;
  }
  if (!inserted) result.push(splice.bytes);
  return result.filter((piece) => piece.length > 0);
}
