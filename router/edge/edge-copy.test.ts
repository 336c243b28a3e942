import { describe, expect, it } from 'vitest';
import { silentLogger } from '#shared/runtime/log.ts';
import { accessDocument, poolDocument } from '#shared/testing/documents.ts';
import { EdgeCopy, type EdgePart } from './edge-copy.ts';

const [kept, gone] = [poolDocument(), poolDocument()];
const accessOf = (pool: typeof kept) => accessDocument({ ...pool, hashes: [pool.pool] });
const at = (lastSeq: number) => ({ region: 'atl1', id: 'a', adoptedAt: 0, lastSeq });

function make() {
  const changes: EdgePart[] = [];
  const copy = new EdgeCopy({ vpcId: kept.vpcId, log: silentLogger() });
  copy.onChange((what) => changes.push(what));
  const access = (document: unknown, { deleted = false, seq = 1 } = {}): void =>
    copy.take('access', { subject: `a.${kept.endpointId}`, seq, deleted, text: JSON.stringify(document) });
  const pool = (document: unknown, { deleted = false, seq = 1 } = {}): void =>
    copy.take('pools', { subject: `p.${kept.pool}`, seq, deleted, text: JSON.stringify(document) });
  return { copy, changes, access, pool };
}

describe('a copy of the edge', () => {
  it('serves from the disk’s copy, and drops what a complete reading does not have', () => {
    const { copy, access, pool } = make();
    expect(copy.loaded).toBe(false);
    const [documents, pools] = [
      [accessOf(kept), accessOf(gone)],
      [kept, gone],
    ];
    copy.load({ v: 1, vpcId: kept.vpcId, access: documents, pools, readings: { access: at(7) } });
    expect(copy.loaded).toBe(true);
    expect(copy.reading('access')).toEqual(at(7));
    access(accessOf(kept));
    pool(kept);
    expect(copy.access.grant(gone.pool)).toBeDefined();
    copy.readingComplete('access', at(9));
    copy.readingComplete('pools', at(9));
    expect(copy.access.grant(gone.pool)).toBeUndefined();
    expect(copy.access.grant(kept.pool)).toBeDefined();
    expect(copy.pools.documents()).toEqual([kept]);
  });

  it('is loaded without a disk once both parts have been read', () => {
    const { copy } = make();
    copy.readingComplete('access', at(1));
    expect(copy.loaded).toBe(false);
    copy.readingComplete('pools', at(1));
    expect(copy.loaded).toBe(true);
  });

  it.each([
    ['pools', 'access'],
    ['access', 'pools'],
  ] as const)('tells of a first reading once, at its end, whether %s or %s ends first', (first, second) => {
    const { copy, changes, access, pool } = make();
    for (let seq = 1; seq < 10; seq += 1) {
      pool({ ...kept, models: [`m-${seq}`] }, { seq });
      access(accessOf(kept), { seq });
    }
    copy.readingComplete(first, at(9));
    expect(changes).toEqual([]);
    copy.readingComplete(second, at(9));
    expect(changes).toEqual(['access', 'pools']);
    pool(kept, { seq: 10 });
    pool(kept, { seq: 11 });
    expect(changes).toEqual(['access', 'pools', 'pools', 'pools']);
  });

  it('tells of no document that the disk’s copy had as it is, and at once of one that has changed', () => {
    const { copy, changes, access, pool } = make();
    const allowed = accessOf(kept);
    copy.load({ v: 1, vpcId: kept.vpcId, access: [allowed], pools: [kept], readings: { pools: at(7) } });
    changes.length = 0;
    pool(kept);
    access(allowed);
    expect(changes).toEqual([]);
    pool({ ...kept, models: ['changed'] });
    expect(changes).toEqual(['pools']);
    copy.readingComplete('pools', at(9));
    expect(changes).toEqual(['pools', 'pools']);
  });

  it('remembers how far a stream has been followed, which outlives the process', () => {
    const { copy, access } = make();
    access(accessOf(kept), { seq: 3 });
    expect(copy.reading('access')).toBeUndefined();
    copy.readingComplete('access', at(3));
    access(accessOf(kept), { seq: 8 });
    expect(copy.state().readings).toEqual({ access: at(8) });
  });

  it.each([
    ['it says so', { v: 1, kind: 'revoked', endpointId: kept.endpointId, vpcId: kept.vpcId }, false],
    ['it says so in words that are not known', { v: 9, kind: 'revoked', because: ['?'] }, false],
    ['it is deleted', '', true],
    ['it cannot be read', { ...accessOf(kept), tokens: 'none' }, false],
    ['it is of a newer version', { ...accessOf(kept), v: 2 }, false],
  ])('an access document ends access at once when %s', (_, document, deleted) => {
    const { copy, changes, access } = make();
    copy.load({ v: 1, vpcId: kept.vpcId, access: [], pools: [], readings: {} });
    changes.length = 0;
    access(accessOf(kept));
    expect(copy.access.grant(kept.pool)).toBeDefined();
    access(document, { deleted });
    expect(copy.access.grant(kept.pool)).toBeUndefined();
    expect(changes).toEqual(['access', 'access']);
  });

  it('a subject that the source has no more ends access, and its pool', () => {
    const { copy, access, pool } = make();
    access(accessOf(kept));
    pool(kept);
    copy.drop('access', `a.${kept.endpointId}`);
    copy.drop('pools', `p.${kept.pool}`);
    expect(copy.access.grant(kept.pool)).toBeUndefined();
    expect(copy.pools.documents()).toEqual([]);
  });

  it('a pool document that cannot be read leaves the pool as it was', () => {
    const { copy, pool } = make();
    pool(kept);
    pool({ ...kept, v: 2 });
    expect(copy.pools.pool(kept.pool)).toEqual(kept);
  });
});
