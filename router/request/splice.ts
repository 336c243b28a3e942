import type { Splice } from '../dialects/dialect.ts';

/** The pieces of a body with all edits made; pieces that no edit touches are the same buffers. */
export function applySplices(pieces: readonly Uint8Array[], splices: readonly Splice[]): readonly Uint8Array[] {
  return splices
    .toSorted((a, b) => b.start - a.start)
    .reduce((body: readonly Uint8Array[], splice) => applySplice(body, splice), pieces);
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
