import { describe, expect, it } from 'vitest';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { BodyRoom } from '../admit/body-room.ts';
import { RequestBody } from './request-body.ts';

const roomOf = (bytes: number): BodyRoom =>
  new BodyRoom({ bytes, firstReadBytes: bytes, waitMs: 1000 }, createTestClock());
const bodyOf = (memory: BodyRoom, endpointId = 'a'): RequestBody => {
  const body = new RequestBody(memory);
  body.belongTo(endpointId);
  return body;
};
const never = new AbortController().signal;
/** Memory behind the pieces: whole buffers, however little of each is used. */
const heldBy = (body: RequestBody): number => {
  const buffers = new Set(body.pieces.map((piece) => piece.buffer));
  return [...buffers].reduce((sum, buffer) => sum + buffer.byteLength, 0) + 220 * body.pieces.length;
};

describe('a body', () => {
  it.each([1, 7, 100, 4000, 16_383, 16_384, 65_536])('in pieces of %i bytes costs what is booked for it', (size) => {
    const memory = roomOf(64e6);
    const body = bodyOf(memory);
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 251));
    let fits = true;
    for (let at = 0; at < bytes.length; at += size) {
      const piece = Buffer.allocUnsafeSlow(Math.min(size, bytes.length - at));
      bytes.copy(piece, 0, at);
      fits &&= body.add(piece);
    }
    expect(fits).toBe(true);
    expect(Buffer.concat(body.pieces).equals(bytes)).toBe(true);
    expect(body.bytes).toBe(bytes.length);
    expect(heldBy(body)).toBeLessThanOrEqual(1.2 * memory.total);
    expect(memory.total).toBeLessThanOrEqual(bytes.length + 65_536);
    body[Symbol.dispose]();
    body[Symbol.dispose]();
    expect(memory.total).toBe(0);
  });

  it('of small and large pieces by turns stays in order', () => {
    const memory = roomOf(64e6);
    const body = bodyOf(memory);
    const pieces = Array.from({ length: 60 }, (_, at) => Buffer.alloc(at % 3 === 0 ? 20_000 : 10, at));
    for (const piece of pieces) body.add(piece);
    expect(Buffer.concat(body.pieces).equals(Buffer.concat(pieces))).toBe(true);
    expect(heldBy(body)).toBeLessThanOrEqual(1.2 * memory.total);
  });

  it.each([1, 4000, 16_384])('whose room is reserved takes no more of it, in pieces of %i bytes', async (size) => {
    const memory = roomOf(1_000_000);
    const body = bodyOf(memory);
    expect(await body.reserve(300_000, never)).toBe(true);
    const flood = bodyOf(memory);
    while (flood.add(Buffer.alloc(16_384)));
    const { total } = memory;
    for (let at = 0; at < 300_000; at += size) expect(body.add(Buffer.alloc(Math.min(size, 300_000 - at)))).toBe(true);
    expect(memory.total).toBe(total);
    flood[Symbol.dispose]();
    body[Symbol.dispose]();
    expect(memory.total).toBe(0);
  });

  it('that does not fit is refused, and what it had is given back', () => {
    const memory = roomOf(100_000);
    const body = bodyOf(memory);
    let taken = 0;
    while (body.add(Buffer.alloc(20_000))) taken += 1;
    expect(taken).toBe(4);
    body[Symbol.dispose]();
    expect(memory.total).toBe(0);
  });
});

describe('bodies of several endpoints', () => {
  it('share the memory: one that takes all it can get leaves room for another', () => {
    const memory = roomOf(1_000_000);
    for (let upload = 0; upload < 100; upload += 1) {
      const flood = bodyOf(memory, 'flood');
      while (flood.add(Buffer.alloc(20_000)));
    }
    const other = bodyOf(memory, 'other');
    for (let piece = 0; piece < 5; piece += 1) expect(other.add(Buffer.alloc(20_000))).toBe(true);
    expect(bodyOf(memory, 'flood').add(Buffer.alloc(20_000))).toBe(false);
  });
});
