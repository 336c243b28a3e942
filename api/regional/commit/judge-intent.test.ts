import { describe, expect, it } from 'vitest';
import { intentsMax, type WrittenAccess } from '#shared/contract/desired.ts';
import { intentEntry } from '#shared/testing/documents.ts';
import { judgeIntent } from './judge-intent.ts';

const uuid = (number: number): string => `00000000-0000-8001-8000-${String(number).padStart(12, '0')}`;
const sought = { intentId: uuid(1), bodyHash: 'hash', carrier: { subject: 'fairway.access.v.e', expectedSeq: 7 } };

/** The access of an endpoint, as some writer has left it after revision 7. */
function accessWith(intents: WrittenAccess['intents']): WrittenAccess {
  const hosts = { private: 'private.test' };
  return { v: 1, kind: 'access', endpointId: uuid(2), team: 'alpha', vpcId: uuid(3), hosts, tokens: [], intents };
}

const judge = (body: unknown, seq = 9) =>
  judgeIntent(sought, { subject: 'fairway.access.v.e', seq, deleted: false, body });
const mine = intentEntry({ intentId: uuid(1), verb: 'create_token', bodyHash: 'hash', at: 5 });
const another = (number: number, revision: number | null) =>
  intentEntry({ intentId: uuid(number), verb: 'revoke_token', revision });

describe('what the access of an endpoint says of a change of its tokens', () => {
  it.each([
    { what: 'nothing while it stands where it stood', body: accessWith([]), seq: 7, verdict: { kind: 'nothing' } },
    { what: 'that it was stored last', body: accessWith([mine]), verdict: { kind: 'mine', revision: 9, at: 5 } },
    {
      what: 'that it was stored before another one',
      body: accessWith([{ ...mine, revision: 8 }, another(10, null)]),
      verdict: { kind: 'mine', revision: 8, at: 5 },
    },
    {
      what: 'that its id has another body',
      body: accessWith([{ ...mine, bodyHash: 'x' }]),
      verdict: { kind: 'mismatch' },
    },
    { what: 'that another one came first', body: accessWith([another(10, null)]), verdict: { kind: 'moved' } },
    {
      what: 'no proof once the list has been cut',
      body: accessWith(Array.from({ length: intentsMax }, (_, index) => another(10 + index, 100 + index))),
      verdict: { kind: 'unprovable' },
    },
    {
      what: 'that the endpoint is gone',
      body: { v: 1, kind: 'revoked', endpointId: uuid(2), vpcId: uuid(3) },
      verdict: { kind: 'moved' },
    },
    {
      what: 'nothing certain in a form of the future',
      body: { v: 2, kind: 'access' },
      verdict: { kind: 'unprovable' },
    },
  ])('$what', ({ body, seq, verdict }) => {
    expect(judge(body, seq)).toMatchObject(verdict);
  });
});
