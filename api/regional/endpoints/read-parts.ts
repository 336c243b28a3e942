import type { z } from 'zod';
import type { AcceleratorsQuery } from '#shared/contract/deployment.ts';
import type { SpecDocument } from '#shared/contract/desired.ts';
import { AppError } from '#shared/contract/errors.ts';
import type { AcceleratorReply, acceleratorsReplySchema, caReplySchema } from '#shared/contract/parts.ts';
import type { StatusDocument } from '#shared/contract/status.ts';
import { pageOf } from '../../http/page-links.ts';
import { readSpec } from './read-desired.ts';
import type { Answer, Call, RegionContext } from './region-context.ts';

/** A page of an endpoint's accelerators: of the newest spec, in its order. @throws AppError as `getEndpoint`. */
export async function listAccelerators(
  context: RegionContext,
  call: Call,
  { endpointId, query, listUrl }: { endpointId: string; query: AcceleratorsQuery; listUrl: string },
): Promise<Answer<z.infer<typeof acceleratorsReplySchema>>> {
  const all = await readAccelerators(context, call, endpointId);
  const fitting = all.filter(({ slug }) => query.slug === undefined || query.slug === slug);
  const { items, links, meta } = pageOf(fitting, query, listUrl);
  return { status: 200, revision: null, body: { accelerators: items, links, meta } };
}

/** One accelerator, which DigitalOcean's API does not wrap. @throws AppError as `getEndpoint`. */
export async function getAccelerator(
  context: RegionContext,
  call: Call,
  { endpointId, acceleratorId }: { endpointId: string; acceleratorId: string },
): Promise<Answer<AcceleratorReply>> {
  const all = await readAccelerators(context, call, endpointId);
  const found = all.find(({ id }) => id === acceleratorId);
  if (found === undefined) throw new AppError('not_found');
  return { status: 200, revision: null, body: found };
}

/**
 * What a client of the private listener has to trust. @throws AppError as `getEndpoint`, and `not_found` as long as the
 * endpoint's status holds no certificate.
 */
export async function getCa(
  context: RegionContext,
  call: Call,
  endpointId: string,
): Promise<Answer<z.infer<typeof caReplySchema>>> {
  const status = await context.view.readStatus(endpointId);
  await readSpec(context, call, endpointId);
  const certificates = status?.caCertificates ?? [];
  if (certificates.length === 0)
    throw new AppError('not_found', { message: 'No CA certificate has been issued for this endpoint yet.' });
  const pem = certificates.map((certificate) => `${certificate.trimEnd()}\n`).join('');
  return { status: 200, revision: null, body: { cert: Buffer.from(pem).toString('base64') } };
}

async function readAccelerators(context: RegionContext, call: Call, endpointId: string): Promise<AcceleratorReply[]> {
  const status = await context.view.readStatus(endpointId);
  const { spec } = await readSpec(context, call, endpointId);
  return acceleratorsOf(spec, status);
}

/** A group is active once it is live, as long as it is asked for. Pure. */
export function acceleratorsOf(spec: SpecDocument, status: StatusDocument | null): AcceleratorReply[] {
  const live = new Set(status?.live?.deployments.flatMap((model) => model.accelerators).map(idOf));
  return spec.deployments.flatMap((model) =>
    model.accelerators.map((group, index) => ({
      id: group.acceleratorId,
      name: `${model.slug.split('/').at(-1)}-${group.type}-${index + 1}`,
      slug: group.slug,
      role: group.type,
      status: live.has(group.acceleratorId) ? ('active' as const) : status === null ? 'new' : 'provisioning',
      created_at: spec.createdAt,
    })),
  );
}

function idOf({ acceleratorId }: { acceleratorId: string }): string {
  return acceleratorId;
}
