import { expect, it } from 'vitest';
import type { LedgerMessage } from '../../ledger/ledger-message.ts';
import { Grants } from './grants.ts';

/** A router beside `peer`, and two pools: of one it grants the slots, of the other `peer` does. */
function make({ channelUp = true } = {}) {
  const said: LedgerMessage[] = [];
  const grants = new Grants({
    router: 'me',
    epoch: 1,
    publish: (message) => void said.push(message),
    channelUp: () => channelUp,
    peers: () => [{ router: 'peer', epoch: 1 }],
  });
  const wants = (seq: number, now: number, cost = 1): void =>
    grants.hear({ kind: 'want', from: 'peer', to: 'me', seq, pool: mine, want: { cost, ageMs: 0 } }, now);
  grants.hear({ kind: 'hello', from: 'peer' }, 0);
  const pools = Array.from({ length: 20 }, (_, at) => `pool ${at}`);
  const grantedBy = (router: string): string => pools.find((pool) => grants.granterOf(pool, 0) === router) ?? '';
  const [mine, theirs] = [grantedBy('me'), grantedBy('peer')];
  return { grants, said, wants, mine, theirs };
}

it('a router whose clock has gone back is heard again as soon as what it said before is over', () => {
  const { grants, wants, mine } = make();
  wants(5000, 0);
  wants(5, 900, 2);
  expect(grants.wantsOf(mine, 900)).toMatchObject([{ cost: 1 }]);
  wants(6, 1100, 3);
  expect(grants.wantsOf(mine, 1100)).toMatchObject([{ cost: 3 }]);
});

it('who was told of one that waits hears that it has gone', () => {
  const { grants, said, theirs } = make();
  grants.tell(theirs, { cost: 1, ageMs: 0 }, 0);
  expect(grants.asked(0)).toEqual([theirs]);
  grants.tell(theirs, undefined, 10);
  expect(grants.asked(10)).toEqual([]);
  expect(said.map((message) => 'want' in message)).toEqual([true, false]);
});

it('while the channel is down a router has a share of the time of all slots', () => {
  const { grants, mine } = make({ channelUp: false });
  grants.took(mine, 0.5, 0);
  expect([999, 1000].map((now) => grants.mayTake(mine, now))).toEqual([false, true]);
});
