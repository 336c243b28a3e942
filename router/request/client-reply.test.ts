import { describe, expect, it } from 'vitest';
import { AppError } from '#shared/contract/errors.ts';
import { createTestClock } from '#shared/testing/test-clock.ts';
import { chatCompletions } from '../dialects/openai/routes.ts';
import { MemoryOutgoing } from '../testing/memory-outgoing.ts';
import { ClientReply } from './client-reply.ts';

const times = { heartbeatAfterMs: 5000, heartbeatMs: 10_000, clientStallTimeoutMs: 30_000 };

function open(room: number) {
  const clock = createTestClock();
  const outgoing = new MemoryOutgoing();
  outgoing.room = room;
  const reply = new ClientReply({
    outgoing,
    dialect: chatCompletions,
    requestId: 'req_1',
    clock,
    times,
    headers: () => ({}),
  });
  return { clock, outgoing, reply };
}
const whole = { status: 200, contentType: 'application/json', body: Buffer.alloc(500_000, 'x') };

describe('an answer that its client does not take', () => {
  it.each<[string, (reply: ClientReply) => void]>([
    ['a whole one', (reply) => reply.sendAnswer(whole)],
    ['a short one', (reply) => reply.sendAnswer({ ...whole, body: Buffer.from('{"a":1}') })],
    ['an error', (reply) => reply.sendError(new AppError('overloaded'))],
    ['the end of a stream', (reply) => (reply.writeEvents([Buffer.from('data: 1\n\n')]), reply.end())],
    ['the error at the end of a stream', (reply) => (reply.writeEvents([]), reply.sendError(new Error('x')))],
    ['a part of a long one', (reply) => void reply.writePart(whole, [whole.body])],
  ])('is cut, whatever its kind: %s', async (_, answer) => {
    const { clock, outgoing, reply } = open(1);
    answer(reply);
    await clock.advance(times.clientStallTimeoutMs - 1);
    expect([outgoing.destroyed, reply.gone.aborted]).toEqual([false, false]);
    await clock.advance(1);
    expect([outgoing.destroyed, reply.gone.reason]).toEqual([true, 'client_stalled']);
    await reply.flushed;
  });

  it('holds no more than a slice of it in the connection', () => {
    const { outgoing, reply } = open(1000);
    reply.sendAnswer(whole);
    expect(outgoing.writableLength).toBeLessThanOrEqual(64 * 1024);
  });
});

describe('an answer that is taken slowly', () => {
  it('goes on as long as something is taken', async () => {
    const { clock, outgoing, reply } = open(1);
    reply.sendAnswer(whole);
    for (let taken = 0; !outgoing.writableFinished; taken += 1) {
      expect(taken).toBeLessThan(40);
      await clock.advance(times.clientStallTimeoutMs - 1000);
      outgoing.take(1);
    }
    expect(outgoing.destroyed).toBe(false);
    expect(outgoing.text.length).toBe(whole.body.length);
    await reply.flushed;
    expect(reply.gone.aborted).toBe(false);
  });

  it('goes on when what was written at once has left at once', async () => {
    const { clock, outgoing, reply } = open(100);
    const events = [Buffer.alloc(30, 'a'), Buffer.alloc(30, 'b')];
    expect([reply.writeEvents(events), reply.writeEvents(events)]).toEqual([true, false]);
    let drained = 0;
    reply.onDrain(() => (drained += 1));
    outgoing.take(100);
    await clock.advance(10 * times.clientStallTimeoutMs);
    expect([drained, outgoing.destroyed]).toEqual([1, false]);
  });

  it('goes on while parts of what waits are taken, and is cut when nothing is any more', async () => {
    const { clock, outgoing, reply } = open(1);
    reply.sendAnswer(whole);
    for (let sips = 0; sips < 10; sips += 1) {
      await clock.advance(times.clientStallTimeoutMs - 1);
      outgoing.sip(100);
      await clock.advance(1);
      expect(outgoing.destroyed).toBe(false);
    }
    await clock.advance(times.clientStallTimeoutMs);
    expect([outgoing.destroyed, reply.gone.reason]).toEqual([true, 'client_stalled']);
  });

  it('leaves no timer behind when it has gone at once', async () => {
    const { clock, outgoing, reply } = open(Number.POSITIVE_INFINITY);
    reply.sendAnswer(whole);
    await reply.flushed;
    await clock.advance(10 * times.clientStallTimeoutMs);
    expect([outgoing.destroyed, reply.gone.aborted]).toEqual([false, false]);
  });
});
