import { parseJson } from '#shared/runtime/parse-json.ts';

const key = Buffer.from('"usage"');
const openBrace = 0x7b;
/** Longest usage object that is read. */
const lengthMax = 4096;

/**
 * Finds the last `"usage": {…}` in a piece of JSON and parses that object alone. Inside a JSON text the bytes `"usage"`
 * can only be a member's name or a whole string: quotes in generated text are escaped.
 */
export function lastUsage(bytes: Buffer): unknown {
  for (let at = bytes.lastIndexOf(key); at >= 0; at = at === 0 ? -1 : bytes.lastIndexOf(key, at - 1)) {
    const start = valueStart(bytes, at + key.length);
    if (bytes[start] === openBrace) return objectAt(bytes.subarray(start, start + lengthMax));
  }
  return undefined;
}

function valueStart(bytes: Buffer, from: number): number {
  let at = from;
  while (isBlank(bytes[at])) at += 1;
  if (bytes[at] !== 0x3a) return -1;
  at += 1;
  while (isBlank(bytes[at])) at += 1;
  return at;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function objectAt(bytes: Buffer): unknown {
  const end = objectEnd(bytes);
  return end < 0 ? undefined : parseJson(bytes.toString('utf8', 0, end));
}

/** Where the object that starts at 0 ends. Usage holds numbers, so that braces inside strings do not occur. */
function objectEnd(bytes: Buffer): number {
  let depth = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    if (bytes[at] === openBrace) depth += 1;
    else if (bytes[at] === 0x7d) depth -= 1;
    if (depth === 0) return at + 1;
  }
  return -1;
}
