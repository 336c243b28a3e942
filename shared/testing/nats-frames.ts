/** One whole frame of the NATS protocol, server to client; `payload` (headers included) is null for control lines. */
export interface NatsFrame {
  bytes: Buffer;
  payload: string | null;
}

/**
 * Splits off every whole frame; what is left over comes back as `rest`. Source: docs.nats.io, client protocol:
 * `MSG <subject> <sid> [reply] <bytes>` and `HMSG … <header bytes> <total bytes>`, each followed by its payload and CRLF.
 */
export function takeNatsFrames(data: Buffer): { frames: NatsFrame[]; rest: Buffer } {
  const frames: NatsFrame[] = [];
  let start = 0;
  for (;;) {
    const lineEnd = data.indexOf('\r\n', start);
    if (lineEnd < 0) break;
    const line = data.toString('latin1', start, lineEnd);
    const size = /^H?MSG .* (\d+)$/i.exec(line)?.[1];
    const end = size === undefined ? lineEnd + 2 : lineEnd + 2 + Number(size) + 2;
    if (data.length < end) break;
    const payload = size === undefined ? null : data.toString('utf8', lineEnd + 2, end - 2);
    frames.push({ bytes: data.subarray(start, end), payload });
    start = end;
  }
  return { frames, rest: data.subarray(start) };
}
