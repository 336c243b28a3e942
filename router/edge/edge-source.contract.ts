import { describe, expect, it } from 'vitest';
import type { AccessDocument } from '#shared/contract/desired.ts';
import type { PoolDocument } from '#shared/contract/replica.ts';
import { subjects } from '#shared/contract/subjects.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { accessDocument, poolDocument } from '#shared/testing/documents.ts';
import { EdgeCopy, type EdgePart } from './edge-copy.ts';
import type { StartEdgeSource } from './edge-source.ts';

/** Makes the documents of a VPC available, and a source that reads them. */
export type PrepareEdge = (vpc: {
  vpcId: string;
  access: AccessDocument[];
  pools: PoolDocument[];
}) => Promise<StartEdgeSource>;

/** What every source of access and pools keeps; the test's file starts and ends what `prepare` needs. */
export function describeEdgeSource(name: string, prepare: PrepareEdge): void {
  describe(`edge source: ${name}`, () => {
    const world = (): { vpcId: string; pool: PoolDocument; access: AccessDocument } => {
      const pool = poolDocument();
      return { vpcId: pool.vpcId, pool, access: accessDocument({ ...pool, hashes: [pool.pool] }) };
    };

    it('fills the copy with all that there is, tells its listeners, and knows its revision', async () => {
      const { vpcId, pool, access } = world();
      const copy = new EdgeCopy({ vpcId, log: silentLogger() });
      const told = new Set<EdgePart>();
      copy.onChange((part) => told.add(part));
      await using source = (await prepare({ vpcId, access: [access], pools: [pool] }))(copy);
      await eventually(() => expect(copy.loaded).toBe(true));
      expect(copy.access.grant(pool.pool)).toMatchObject({ endpointId: access.endpointId });
      expect(copy.pools.documents()).toEqual([pool]);
      expect([...told].toSorted()).toEqual(['access', 'pools']);
      await eventually(() => expect(source.poolRevision()).toBeGreaterThan(0));
      await eventually(() => expect(source.doubts()).toEqual([]));
    });

    it('drops what the disk’s copy had and it has not', async () => {
      const { vpcId, pool, access } = world();
      const old = poolDocument({ vpcId });
      const copy = new EdgeCopy({ vpcId, log: silentLogger() });
      copy.load({ v: 1, vpcId, access: [accessDocument({ ...old, hashes: ['old'] })], pools: [old], readings: {} });
      await using _source = (await prepare({ vpcId, access: [access], pools: [pool] }))(copy);
      await eventually(() => expect(copy.pools.documents()).toEqual([pool]));
      await eventually(() => expect(copy.access.grant('old')).toBeUndefined());
    });

    it('takes a report or says that it does not, and ends', async () => {
      const { vpcId } = world();
      const source = (await prepare({ vpcId, access: [], pools: [] }))(new EdgeCopy({ vpcId, log: silentLogger() }));
      expect(typeof source.report(`fairway.drain.${vpcId}.r`, '{}')).toBe('boolean');
      expect(typeof (await source.deliver(subjects.use(vpcId, 'r'), '{}'))).toBe('boolean');
      await source.flush();
      await source[Symbol.asyncDispose]();
    });
  });
}
