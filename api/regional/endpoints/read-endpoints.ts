import { requireScope } from '../../http/authenticate.ts';
import type { DedicatedInference, ListQuery, ListReply } from '#shared/contract/deployment.ts';
import { AppError } from '#shared/contract/errors.ts';
import { pageLinks } from '../../http/page-links.ts';
import type { ViewedEndpoint } from '../view/endpoint-view.ts';
import type { Answer, Call, RegionContext } from './region-context.ts';

import { project } from './project.ts';

/** One endpoint as it is now. @throws AppError `not_found`, also for another team's; `unavailable`. */
export async function getEndpoint(
  context: RegionContext,
  call: Call,
  endpointId: string,
): Promise<Answer<{ dedicated_inference: DedicatedInference }>> {
  requireScope(call.principal, 'dedicated_inference:read');
  await context.view.barrier();
  const found = context.view.find(endpointId);
  if (found === undefined || found.desired.spec.team !== call.principal.team) throw new AppError('not_found');
  const resource = project(found.desired, found.status, context.address);
  return { status: 200, revision: resource.revision, body: { dedicated_inference: resource } };
}

/** A page of a team's endpoints, oldest first. `listUrl` is what the page links start with. */
export async function listEndpoints(
  context: RegionContext,
  call: Call,
  { query, listUrl }: { query: ListQuery; listUrl: string },
): Promise<Answer<ListReply>> {
  requireScope(call.principal, 'dedicated_inference:read');
  await context.view.barrier();
  const { team } = call.principal;
  const mine = [...context.view.all()].filter(({ desired: { spec } }) => spec.team === team && fits(spec, query));
  const sorted = mine.toSorted(byCreation);
  const items = sorted.slice((query.page - 1) * query.per_page, query.page * query.per_page);
  return {
    status: 200,
    revision: null,
    body: {
      dedicated_inferences: items.map(({ desired, status }) => ({
        ...project(desired, status, context.address),
        provider_model_id: desired.spec.deployments.map((model) => model.providerModelId),
      })),
      links: pageLinks(listUrl, query, mine.length),
      meta: { total: mine.length },
    },
  };
}

function fits(spec: { name: string; region: string }, { name, region }: ListQuery): boolean {
  return (name === undefined || name === spec.name) && (region === undefined || region === spec.region);
}

function byCreation({ desired: { spec: a } }: ViewedEndpoint, { desired: { spec: b } }: ViewedEndpoint): number {
  const left = `${a.createdAt} ${a.endpointId}`;
  const right = `${b.createdAt} ${b.endpointId}`;
  return left < right ? -1 : left > right ? 1 : 0;
}
