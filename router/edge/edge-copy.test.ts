import { describe, expect, it } from 'vitest';
import { silentLogger } from '#shared/runtime/log.ts';
import { accessDocument, poolDocument } from '#shared/testing/documents.ts';
import { EdgeCopy } from './edge-copy.ts';

const [kept, gone] = [poolDocument(), poolDocument()];
const accessOf = (pool: typeof kept) => accessDocument({ ...pool, hashes: [pool.pool] });

function message(subject: string, document: unknown) {
  return { subject, seq: 1, deleted: false, text: JSON.stringify(document) };
}

function make() {
  const changes: string[] = [];
  const copy = new EdgeCopy({ vpcId: kept.vpcId, log: silentLogger() });
  copy.onChange((what) => changes.push(what));
  return { copy, changes };
}

describe('EdgeCopy', () => {
  it('serves from the disk’s copy, and drops what the first reading no longer has', () => {
    const { copy } = make();
    expect(copy.loaded).toBe(false);
    copy.load({ v: 1, vpcId: kept.vpcId, access: [accessOf(kept), accessOf(gone)], pools: [kept, gone] });
    expect(copy.loaded).toBe(true);
    copy.applyAccess(message(`fairway.access.v.${kept.endpointId}`, accessOf(kept)));
    copy.applyPool(message(`$KV.edge.pool.v.e.${kept.pool}`, kept));
    expect(copy.access.grant(gone.pool)).toBeDefined();
    copy.accessSynced();
    copy.poolsSynced();
    expect(copy.access.grant(gone.pool)).toBeUndefined();
    expect(copy.access.grant(kept.pool)).toBeDefined();
    expect(copy.pools.documents()).toEqual([kept]);
  });

  it('is loaded without a disk once both streams have been read', () => {
    const { copy } = make();
    copy.accessSynced();
    expect(copy.loaded).toBe(false);
    copy.poolsSynced();
    expect(copy.loaded).toBe(true);
  });

  it('ends access at once when the document says so or is gone', () => {
    for (const end of [
      { ...message('', { v: 1, kind: 'revoked', endpointId: kept.endpointId, vpcId: kept.vpcId }) },
      { ...message('', ''), deleted: true },
    ]) {
      const { copy, changes } = make();
      const subject = `fairway.access.v.${kept.endpointId}`;
      copy.applyAccess(message(subject, accessOf(kept)));
      copy.applyAccess({ ...end, subject });
      expect(copy.access.grant(kept.pool)).toBeUndefined();
      expect(changes).toEqual(['access', 'access']);
    }
  });

  it('keeps what it knows when a document cannot be read', () => {
    const { copy } = make();
    copy.applyPool(message(`$KV.edge.pool.v.e.${kept.pool}`, kept));
    copy.applyPool(message(`$KV.edge.pool.v.e.${kept.pool}`, { ...kept, v: 2 }));
    expect(copy.pools.pool(kept.pool)).toEqual(kept);
  });
});
