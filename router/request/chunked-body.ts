const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const hexDigits = Buffer.from('0123456789abcdef');
/** What ends a chunked body: an empty chunk, no trailers. */
const lastChunk = Buffer.from('0\r\n\r\n');
/** Above it the parts go out as they are: to copy them costs more than to hand them over one by one. */
const copiedBytesMax = 16 * 1024;

/**
 * The parts of a body as one chunk (RFC 9112 §7.1), with the body's end behind it where `isLast`. Node's own framing hands
 * four parts of each chunk to the kernel; what is one piece of memory costs it half of that.
 */
export function chunkOf(parts: readonly Buffer[], isLast: boolean): readonly Buffer[] {
  const length = lengthOf(parts);
  if (length === 0) return isLast ? [lastChunk] : [];
  const digits = Math.ceil((32 - Math.clz32(length)) / 4);
  const end = isLast ? lastChunk.length + 2 : 2;
  const isCopied = length <= copiedBytesMax;
  const chunk = Buffer.allocUnsafe(digits + 2 + (isCopied ? length : 0) + end);
  for (let digit = digits - 1, left = length; digit >= 0; digit -= 1, left >>>= 4)
    chunk[digit] = hexDigits[left & 0xf] ?? 0;
  let at = endLine(chunk, digits);
  const headEnd = at;
  if (isCopied) for (const part of parts) at += part.copy(chunk, at);
  const bodyEnd = at;
  at = endLine(chunk, at);
  if (isLast) lastChunk.copy(chunk, at);
  return isCopied ? [chunk] : [chunk.subarray(0, headEnd), ...parts, chunk.subarray(bodyEnd)];
}

export function lengthOf(parts: readonly Uint8Array[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}

function endLine(chunk: Buffer, at: number): number {
  chunk[at] = carriageReturn;
  chunk[at + 1] = lineFeed;
  return at + 2;
}
