import { crc32 } from 'node:zlib';

/** What tokens of the data plane and of the control plane start with, for people and for secret scanners. */
export const tokenPrefixes = { access: 'fairway_', api: 'fairwayapi_' } as const;

/** Which of the two. */
export type TokenKind = keyof typeof tokenPrefixes;

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Fewer could be guessed: 192 bits. */
const bytesMin = 24;

/**
 * A token of at least 24 random (or derived) bytes: prefix, base 62, CRC-32 as six base-62 digits.
 * @throws RangeError for fewer bytes, or so many that the token would not be accepted.
 */
export function formatToken(kind: TokenKind, bytes: Uint8Array): string {
  if (bytes.length < bytesMin || bytes.length > 64)
    throw new RangeError(`A token is made of 24 to 64 bytes, not of ${bytes.length}.`);
  const body = base62(BigInt(`0x${Buffer.from(bytes).toString('hex')}`), Math.ceil((bytes.length * 8) / Math.log2(62)));
  return `${tokenPrefixes[kind]}${body}_${checksum(body)}`;
}

/** True when the text has a token's form and its checksum fits: garbage is refused before any look-up. */
export function hasTokenForm(kind: TokenKind, text: string): boolean {
  if (!text.startsWith(tokenPrefixes[kind]) || text.length > 128) return false;
  const [body, sum, ...rest] = text.slice(tokenPrefixes[kind].length).split('_');
  return body !== undefined && sum !== undefined && rest.length === 0 && body.length >= 32 && checksum(body) === sum;
}

function checksum(body: string): string {
  return base62(BigInt(crc32(body)), 6);
}

function base62(value: bigint, width: number): string {
  let text = '';
  for (let rest = value; rest > 0n; rest /= 62n) text = `${digits[Number(rest % 62n)]}${text}`;
  return text.padStart(width, '0');
}
