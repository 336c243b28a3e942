import type {
  AccessDocument,
  NameDocument,
  RevisedSpec,
  Routing,
  SealedSecret,
  SpecDocument,
  TombstoneDocument,
} from '#shared/contract/desired.ts';
import { hostLabel, type Region } from '#shared/contract/ids.ts';
import type { SpecContent } from '#shared/contract/spec-changes.ts';
import { releaseTtlMs, subjects, tombstoneTtlMs } from '#shared/contract/subjects.ts';
import type { GuardedWrite, PreparedIntent } from '../commit/commit-intent.ts';
import type { CreateOrder } from './create-order.ts';
import { contentHash, nextDocument, type IntentMark } from './next-document.ts';

/** The name of the token that comes with an endpoint: DigitalOcean's. */
export const firstTokenName = 'auto-generated-during-provisioning';

/** What a create is made of beside the order; all of it derived or looked up before. */
export interface CreateFacts {
  mark: IntentMark;
  endpointId: string;
  team: string;
  region: Region;
  defaultVpcId: string;
  hostDomain: string;
  /** Derives the id of a part, the same one for the same intent. */
  partId: (part: string) => string;
  token: { tokenId: string; hash: string };
  sealedHuggingFaceToken: SealedSecret | null;
}

/** The first spec of an endpoint. The same order and facts give the same document. */
export function buildFirstSpec(order: CreateOrder, facts: CreateFacts): SpecDocument {
  const { mark } = facts;
  const at = isoTime(mark.at);
  const content = {
    v: 1,
    kind: 'spec',
    endpointId: facts.endpointId,
    team: facts.team,
    region: facts.region,
    vpcId: order.vpcId ?? facts.defaultVpcId,
    vpcGiven: order.vpcId !== null,
    name: order.name,
    enablePublicEndpoint: order.enablePublicEndpoint,
    deployments: order.deployments.map((model, index) => ({
      ...model,
      modelId: facts.partId(`model:${index}`),
      accelerators: model.accelerators.map((group, position) => ({
        ...group,
        acceleratorId: facts.partId(`accelerator:${index}:${position}`),
      })),
    })),
    version: 1,
    createdAt: at,
    updatedAt: at,
    createdBy: mark.actor,
    ...(facts.sealedHuggingFaceToken !== null && { sealedHuggingFaceToken: facts.sealedHuggingFaceToken }),
  } as const;
  return {
    ...content,
    intents: [{ ...mark, previousHash: null, contentHash: contentHash(content), revision: null }],
  };
}

/**
 * A create as one atomic batch: name claim, access with the first token, spec. `expected` are the sequences at which
 * earlier holders of the same ids have left them; 0 for new ones.
 */
export function planCreate(
  spec: SpecDocument,
  facts: CreateFacts,
  expected: { name: { subject: string; seq: number }; access: number; spec: number },
): PreparedIntent<SpecDocument> {
  const { endpointId, vpcId, team } = spec;
  const label = hostLabel(endpointId);
  const access: AccessDocument = {
    v: 1,
    kind: 'access',
    endpointId,
    team,
    vpcId,
    hosts: {
      ...(spec.enablePublicEndpoint && { public: `${label}-public-${facts.hostDomain}` }),
      private: `${label}-private-${facts.hostDomain}`,
    },
    tokens: [
      {
        tokenId: facts.token.tokenId,
        hash: facts.token.hash,
        name: firstTokenName,
        managed: true,
        createdAt: spec.createdAt,
      },
    ],
  };
  const claim: NameDocument = { v: 1, kind: 'name', endpointId, name: spec.name };
  return {
    intentId: facts.mark.intentId,
    bodyHash: facts.mark.bodyHash,
    others: [
      { subject: expected.name.subject, body: claim, expectedSeq: expected.name.seq },
      { subject: subjects.access(vpcId, endpointId), body: access, expectedSeq: expected.access },
    ],
    carrier: { subject: subjects.spec(endpointId), body: spec, expectedSeq: expected.spec },
    leaving: null,
  };
}

/** Where the claims of a new name and of the old one stand; null when that is not the endpoint's own. */
export interface NameMove {
  claim: { subject: string; seq: number };
  old: { subject: string; seq: number } | null;
}

/** The next spec with other content, and in the same batch the claim of its new name. */
export function planUpdate(
  previous: RevisedSpec,
  { next, move }: { next: SpecContent & Pick<SpecDocument, 'sealedHuggingFaceToken'>; move: NameMove | null },
  mark: IntentMark,
): PreparedIntent<SpecDocument> {
  const { endpointId, version } = previous.spec;
  const plan = nextSpec(previous, { ...previous.spec, ...next, version: version + 1 }, mark);
  if (move === null) return plan;
  const claim: NameDocument = { v: 1, kind: 'name', endpointId, name: next.name };
  const release: NameDocument = { v: 1, kind: 'released' };
  plan.others.push({ subject: move.claim.subject, body: claim, expectedSeq: move.claim.seq });
  if (move.old !== null)
    plan.others.push({ subject: move.old.subject, body: release, expectedSeq: move.old.seq, ttlMs: releaseTtlMs });
  return plan;
}

/** The next spec with other routing settings; they are no part of what its version counts. */
export function planRouting(previous: RevisedSpec, routing: Routing, mark: IntentMark): PreparedIntent<SpecDocument> {
  return nextSpec(previous, { ...previous.spec, routing }, mark);
}

/** The last spec: deletion is asked for, and its secrets go at once. */
export function planDeletion(previous: RevisedSpec, mark: IntentMark): PreparedIntent<SpecDocument> {
  const { sealedHuggingFaceToken: _secret, ...rest } = previous.spec;
  const deletion = { requestedAt: isoTime(mark.at), requestedBy: mark.actor };
  return nextSpec(previous, { ...rest, deletion }, mark);
}

/** What is left once nothing of the endpoint runs; `access` and `name` are left out when they are gone or not its own. */
export function planRelease(
  previous: RevisedSpec,
  last: { accessSeq: number | null; name: { subject: string; seq: number } | null },
  mark: IntentMark,
): [GuardedWrite & { body: TombstoneDocument }, ...GuardedWrite[]] {
  const { endpointId, team, vpcId } = previous.spec;
  const left = { v: 1, kind: 'tombstone', endpointId, team, deletedAt: isoTime(mark.at) } as const;
  const hashes = { previousHash: contentHash(previous.spec), contentHash: contentHash(left) };
  const writes: ReturnType<typeof planRelease> = [
    {
      subject: subjects.spec(endpointId),
      body: { ...left, intents: [{ ...mark, ...hashes, revision: null }] },
      expectedSeq: previous.revision,
      ttlMs: tombstoneTtlMs,
    },
  ];
  if (last.accessSeq !== null)
    writes.push({
      subject: subjects.access(vpcId, endpointId),
      body: { v: 1, kind: 'revoked', endpointId, vpcId },
      expectedSeq: last.accessSeq,
      ttlMs: releaseTtlMs,
    });
  if (last.name !== null)
    writes.push({
      subject: last.name.subject,
      body: { v: 1, kind: 'released' },
      expectedSeq: last.name.seq,
      ttlMs: releaseTtlMs,
    });
  return writes;
}

function nextSpec(previous: RevisedSpec, next: SpecDocument, mark: IntentMark): PreparedIntent<SpecDocument> {
  const subject = subjects.spec(next.endpointId);
  const content = { ...next, updatedAt: isoTime(mark.at) };
  return nextDocument({ document: previous.spec, revision: previous.revision }, { subject, content }, mark);
}

function isoTime(at: number): string {
  return new Date(at).toISOString();
}
