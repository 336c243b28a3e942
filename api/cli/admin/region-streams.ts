import type { StreamInfo } from '@nats-io/jetstream';
import { clusterDocumentSchema, wordTtlMs } from '#shared/contract/infra.ts';
import { vpcDocumentSchema } from '#shared/contract/identity.ts';
import { readStamp, stampFor, stampMetadata } from '#shared/contract/stream-stamp.ts';
import { edgeStreams, streams, subjects } from '#shared/contract/subjects.ts';
import { ConfigError } from '#shared/runtime/config-error.ts';
import { makeMirror, makeStreams, type Stamping } from '#shared/runtime/nats/make-streams.ts';
import { readEach } from '#shared/runtime/nats/nats-publish.ts';
import { findStream } from '#shared/runtime/nats/nats-streams.ts';
import { changeDocument, isoNow, type AdminContext } from './admin-context.ts';

const originKey = 'fairway.origin';

/**
 * Makes or changes every stream of a region, and stamps those that have no stamp. A `DESIRED` that is made anew starts
 * above the greatest revision that a cluster has carried out, or at `firstSequence`: what is written to it must win over
 * what the clusters hold. Safe to repeat. Returns what was done with the mirrors of each VPC.
 * @throws ConfigError when `firstSequence` is too low, or DESIRED exists already and starts below it.
 */
export async function makeRegionStreams(
  context: AdminContext,
  {
    replicas,
    firstSequence,
  }: {
    replicas?: number;
    firstSequence?: number;
  } = {},
): Promise<string[]> {
  const { nats, region, newId } = context;
  const options = { stamp: stampFor(region, newId), ...(replicas !== undefined && { replicas }) };
  const firstSeq = await firstSequenceOf(context, firstSequence);
  await makeStreams(nats, [streams.desired], { ...options, ...(firstSeq !== undefined && { firstSeq }) });
  await makeStreams(nats, Object.values(streams), options);
  const vpcs = await vpcsOf(context);
  return (await Promise.all(vpcs.map((vpcId) => makeVpcStreams(context, vpcId, { ...options, anew: false })))).flat();
}

/** Makes the two streams that the routers of a VPC read. Returns what was done, in words. */
export async function makeVpcStreams(
  { nats, region, newId }: AdminContext,
  vpcId: string,
  options: { replicas?: number; anew: boolean },
): Promise<string[]> {
  const done: string[] = [];
  for (const mirror of [edgeStreams.access(vpcId), edgeStreams.pools(vpcId)]) {
    const origin = await nats.jsm.streams.info(mirror.origin.name);
    const of = readStamp(origin.config.metadata) ?? { region, id: '', adoptedAt: 0 };
    const stamp: Stamping = (present) =>
      present ?? { ...stampMetadata({ region, id: newId(), adoptedAt: of.adoptedAt }), [originKey]: of.id };
    const isStale = async ({ config, state }: StreamInfo): Promise<boolean> => {
      const own = readStamp(config.metadata);
      if (options.anew || own?.adoptedAt !== of.adoptedAt || config.metadata?.[originKey] !== of.id) return true;
      const { state: now } = await nats.jsm.streams.info(mirror.origin.name);
      return state.last_seq > now.last_seq;
    };
    const { replicas } = options;
    const did = await makeMirror(nats, mirror, { stamp, isStale, ...(replicas !== undefined && { replicas }) });
    done.push(`${mirror.name}: ${did}`);
  }
  return done;
}

/**
 * An operator's word that the streams are right as they are now, after one was made anew or restored: readers that
 * remember another state believe them from now on, and the clusters of the region are worked on for them.
 */
export async function adoptStreams(context: AdminContext): Promise<string[]> {
  const { nats, region, clock, newId } = context;
  const stamp: Stamping = (present) => {
    const { id, adoptedAt } = readStamp(present) ?? { id: newId(), adoptedAt: 0 };
    return stampMetadata({ region, id, adoptedAt: Math.max(Math.round(clock.now()), adoptedAt + 1) });
  };
  await makeStreams(nats, Object.values(streams), { stamp });
  const done: string[] = [];
  for (const vpcId of await vpcsOf(context)) done.push(...(await makeVpcStreams(context, vpcId, { anew: true })));
  return done;
}

/** An operator's word that what a cluster holds of an endpoint that nobody desires may go. */
export async function sweepEndpoint(context: AdminContext, vpcId: string, endpointId: string): Promise<void> {
  const place = { stream: streams.infra.name, subject: subjects.word(vpcId, endpointId), ttlMs: wordTtlMs };
  await changeDocument(context, place, () => ({ v: 1, word: 'sweep', by: 'admin', at: isoNow(context) }));
}

async function vpcsOf({ nats, region }: AdminContext): Promise<string[]> {
  const documents = await readEach(nats, streams.identity.name, subjects.everyVpc);
  const vpcs = documents.map(({ body }) => vpcDocumentSchema.parse(body));
  return vpcs.filter((vpc) => vpc.region === region).map(({ vpcId }) => vpcId);
}

async function firstSequenceOf({ nats }: AdminContext, given: number | undefined): Promise<number | undefined> {
  const desired = await findStream(nats, streams.desired.name);
  if (desired !== undefined) {
    if (given === undefined || desired.state.first_seq >= given) return undefined;
    throw new ConfigError(
      `DESIRED exists and is at sequence ${desired.state.last_seq}: --first-sequence is for a stream that is yet to be made.`,
    );
  }
  const rows = (await findStream(nats, streams.infra.name)) === undefined ? [] : await clusterRows(nats);
  const least = Math.max(0, ...rows) + 1;
  if (given !== undefined && given < least)
    throw new ConfigError(
      `--first-sequence ${given} is too low: a cluster of this region has carried out revision ${least - 1}. Give ${least} or more, or leave the option out.`,
    );
  return given ?? (least > 1 ? least : undefined);
}

async function clusterRows(nats: AdminContext['nats']): Promise<number[]> {
  const rows = await readEach(nats, streams.infra.name, subjects.everyCluster);
  return rows.map(({ body }) => clusterDocumentSchema.parse(body).greatestIntentSeq);
}
