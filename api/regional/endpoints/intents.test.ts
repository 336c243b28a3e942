import { describe, expect, it } from 'vitest';
import {
  accessSchema,
  intentsMax,
  nameSchema,
  specDocumentSchema,
  type SpecDocument,
} from '#shared/contract/desired.ts';
import { releaseTtlMs, subjects, tombstoneTtlMs } from '#shared/contract/subjects.ts';
import { intentEntry, specDocument } from '#shared/testing/documents.ts';
import type { CreateOrder } from './create-order.ts';
import { buildFirstSpec, planCreate, planDeletion, planRelease, planUpdate, type CreateFacts } from './intents.ts';
import { contentHash, keyHonouredMs } from './next-document.ts';

const uuid = (number: number): string => `00000000-0000-8001-8000-${String(number).padStart(12, '0')}`;
const {
  previousHash: _before,
  contentHash: _after,
  revision: _none,
  ...mark
} = {
  verb: 'scale' as const,
  ...intentEntry({ intentId: uuid(1), at: Date.UTC(2026, 10, 22) }),
};
const order: CreateOrder = {
  name: 'assistant',
  vpcId: null,
  enablePublicEndpoint: true,
  deployments: [
    {
      slug: 'one/model',
      provider: 'hugging_face',
      providerModelId: 'one/model',
      accelerators: [{ slug: 'gpu-h100x1-80gb', type: 'prefill_decode', scale: 1 }],
    },
  ],
  huggingFaceToken: null,
};
const contentOf = ({ name, enablePublicEndpoint, deployments }: SpecDocument) => ({
  name,
  enablePublicEndpoint,
  deployments,
});
let part = 100;
const facts: CreateFacts = {
  mark,
  endpointId: uuid(2),
  team: 'alpha',
  region: 'atl1',
  defaultVpcId: uuid(3),
  hostDomain: 'example.test',
  partId: () => uuid((part += 1)),
  token: { tokenId: uuid(4), hash: 'token hash' },
  sealedHuggingFaceToken: null,
};

describe('a create', () => {
  it('is three documents that fit their schemas, each guarded by "must be new"', () => {
    const spec = buildFirstSpec(order, facts);
    expect(specDocumentSchema.safeParse(spec).error).toBeUndefined();
    expect(spec).toMatchObject({
      vpcId: uuid(3),
      vpcGiven: false,
      version: 1,
      intents: [{ revision: null, at: mark.at, previousHash: null, contentHash: contentHash(spec) }],
    });
    const plan = planCreate(spec, facts, {
      name: { subject: subjects.name('alpha', 'h'), seq: 17 },
      access: 12,
      spec: 11,
    });
    const [name, access] = plan.others;
    expect(nameSchema.parse(name?.body)).toEqual({ v: 1, kind: 'name', endpointId: uuid(2), name: 'assistant' });
    expect(accessSchema.parse(access?.body)).toMatchObject({
      kind: 'access',
      tokens: [{ hash: 'token hash', managed: true }],
    });
    expect([name?.expectedSeq, access?.expectedSeq, plan.carrier.expectedSeq]).toEqual([17, 12, 11]);
  });

  it('takes the VPC that is named, and no public host when that is off', () => {
    const spec = buildFirstSpec({ ...order, vpcId: uuid(9), enablePublicEndpoint: false }, facts);
    expect(spec).toMatchObject({ vpcId: uuid(9), vpcGiven: true });
    const [, access] = planCreate(spec, facts, { name: { subject: 'n', seq: 0 }, access: 0, spec: 0 }).others;
    expect(access?.subject).toBe(subjects.access(uuid(9), uuid(2)));
    expect(access?.body).toMatchObject({ hosts: { private: expect.stringMatching(/-private-example\.test$/) } });
    expect(access?.body).not.toHaveProperty('hosts.public');
  });
});

describe('a change', () => {
  const first = intentEntry({ intentId: uuid(50), bodyHash: 'h0', at: mark.at - 1000 });

  it('carries the intents forward and tells the one before its revision', () => {
    const previous = { spec: specDocument({ intents: [first] }), revision: 31 };
    const { carrier } = planUpdate(previous, { next: contentOf(previous.spec), move: null }, mark);
    expect(carrier.expectedSeq).toBe(31);
    expect(carrier.body).toMatchObject({ version: 2, updatedAt: '2026-11-22T00:00:00.000Z' });
    expect(carrier.body.intents).toEqual([
      { ...first, revision: 31 },
      { ...mark, previousHash: contentHash(previous.spec), contentHash: contentHash(carrier.body), revision: null },
    ]);
  });

  it('knows a document by what it says, secrets sealed, and not by the changes that led to it', () => {
    const spec = specDocument();
    const sealed = { ...spec, sealedHuggingFaceToken: { enc: 'e', ct: 'c' } };
    const reversed = Object.fromEntries(Object.entries(sealed).toReversed());
    expect(contentHash(reversed)).toBe(contentHash(sealed));
    expect(contentHash({ ...spec, intents: [first] })).toBe(contentHash(spec));
    expect(new Set([spec, sealed, { ...sealed, name: 'other' }].map(contentHash)).size).toBe(3);
  });

  it.each([
    { what: 'for a day', age: keyHonouredMs - 1, kept: true },
    { what: 'no longer', age: keyHonouredMs, kept: false },
  ])('keeps the intent of the create $what when the list is full', ({ age, kept }) => {
    const create = { ...first, at: mark.at - age, revision: 1 };
    const rest = Array.from({ length: intentsMax - 1 }, (_, index) => ({
      ...first,
      intentId: uuid(200 + index),
      revision: 2 + index,
    }));
    const spec = specDocument({ intents: [create, ...rest] });
    const { carrier } = planUpdate({ spec, revision: 99 }, { next: contentOf(spec), move: null }, mark);
    expect(carrier.body.intents).toHaveLength(intentsMax);
    expect(carrier.body.intents[0]?.intentId === create.intentId).toBe(kept);
    expect(carrier.body.intents[1]?.intentId).toBe(uuid(201));
    expect(carrier.body.intents.at(-1)?.intentId).toBe(mark.intentId);
  });

  it('of name claims the new one and lets the old one go, in the same batch', () => {
    const spec = specDocument({ intents: [first] });
    const next = { ...contentOf(spec), name: 'other' };
    const move = { claim: { subject: 'new', seq: 3 }, old: { subject: 'old', seq: 2 } };
    const { carrier, others } = planUpdate({ spec, revision: 31 }, { next, move }, mark);
    expect(carrier.body.name).toBe('other');
    expect(others).toEqual([
      { subject: 'new', body: { v: 1, kind: 'name', endpointId: spec.endpointId, name: 'other' }, expectedSeq: 3 },
      { subject: 'old', body: { v: 1, kind: 'released' }, expectedSeq: 2, ttlMs: releaseTtlMs },
    ]);
    expect(planUpdate({ spec, revision: 31 }, { next, move: { ...move, old: null } }, mark).others).toHaveLength(1);
  });

  it('to deletion drops the sealed secret and keeps the rest', () => {
    const previous = {
      spec: specDocument({ sealedHuggingFaceToken: { enc: 'e', ct: 'c' }, intents: [first] }),
      revision: 5,
    };
    const { carrier, others } = planDeletion(previous, mark);
    expect(carrier.body).not.toHaveProperty('sealedHuggingFaceToken');
    expect(carrier.body.deletion).toEqual({ requestedAt: '2026-11-22T00:00:00.000Z', requestedBy: 'token-1' });
    expect([carrier.body.version, carrier.body.deployments, others]).toEqual([1, previous.spec.deployments, []]);
  });
});

describe('a release', () => {
  const previous = { spec: specDocument(), revision: 40 };

  it('is a tombstone without secrets, revoked access and a free name, each guarded and with an end', () => {
    const writes = planRelease(previous, { accessSeq: 7, name: { subject: 'n', seq: 6 } }, mark);
    expect(writes.map(({ expectedSeq, ttlMs }) => [expectedSeq, ttlMs])).toEqual([
      [40, tombstoneTtlMs],
      [7, releaseTtlMs],
      [6, releaseTtlMs],
    ]);
    expect(Object.keys(Object(writes[0]?.body))).toEqual(['v', 'kind', 'endpointId', 'team', 'deletedAt', 'intents']);
    const { body } = writes[0];
    const hashes = { previousHash: contentHash(previous.spec), contentHash: contentHash(body) };
    expect(body.intents).toEqual([{ ...mark, ...hashes, revision: null }]);
  });

  it('leaves alone what is not its own', () => {
    expect(planRelease(previous, { accessSeq: null, name: null }, mark)).toHaveLength(1);
  });
});
