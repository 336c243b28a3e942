import { monotonicFactory, ulidToUUID } from 'ulid';
import { z } from 'zod';

/** Regions by number. The number is part of every id, so a row is never changed or reused. */
export const regions = { atl1: 1, nyc2: 2, tor1: 3 } as const;

/** A region's slug. */
export type Region = keyof typeof regions;

/** The slugs as a schema. */
export const regionSchema = z.enum(['atl1', 'nyc2', 'tor1']);

/** Any UUID shape, lower case. */
export const uuidSchema = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'must be a lower-case UUID');

/** Where time and chance of new ids come from. */
export interface IdSource {
  now: () => number;
  random: () => number;
}

/**
 * A factory of endpoint, token and other public ids: UUIDv8 (RFC 9562 §5.8) whose first 48 bits are a ULID's time,
 * whose 12 bits after the version hold the region's number and whose last 62 bits are random. Ids of one factory sort
 * by creation.
 */
export function createIdFactory(source: IdSource): (region: Region) => string {
  const next = monotonicFactory(source.random);
  return (region) => stamp(region, hexToBytes(ulidToUUID(next(source.now()))));
}

/**
 * The id of a mutation that carries an Idempotency-Key: made of 16 bytes of a keyed hash over team and key, so that a
 * retry meets the same subject at any process.
 */
export function idFromHash(region: Region, hash: Uint8Array): string {
  return stamp(region, Uint8Array.from(hash.subarray(0, 16)));
}

/** The region that an id belongs to, or undefined when it is not one of our ids. */
export function regionOfId(id: string): Region | undefined {
  if (!uuidSchema.safeParse(id).success || id[14] !== '8') return undefined;
  const number = Number.parseInt(id.slice(15, 18), 16);
  return regionSchema.options.find((region) => regions[region] === number);
}

/** An id's 128 bits in base 36, 25 characters of [a-z0-9]: the first label of an endpoint's host names. */
export function hostLabel(id: string): string {
  return BigInt(`0x${id.replaceAll('-', '')}`)
    .toString(36)
    .padStart(25, '0');
}

function stamp(region: Region, bytes: Uint8Array): string {
  const number = regions[region];
  bytes[6] = 0x80 | (number >> 8);
  bytes[7] = number & 0xff;
  bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function hexToBytes(uuid: string): Uint8Array {
  const hex = uuid.replaceAll('-', '');
  return Uint8Array.from({ length: 16 }, (_, index) => Number.parseInt(hex.slice(index * 2, index * 2 + 2), 16));
}
