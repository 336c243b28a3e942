import type { ListQuery } from '#shared/contract/deployment.ts';
import type { DedicatedInference, ListReply } from '#shared/contract/resource.ts';
import { pageLinks } from '../../http/page-links.ts';
import type { ViewedEndpoint } from '../view/endpoint-view.ts';
import { project } from './project.ts';
import { readSpec } from './read-desired.ts';
import type { Answer, Call, RegionContext } from './region-context.ts';

/**
 * One endpoint as it is now. The status is asked for before the spec: a status may lag behind its spec, never lead it.
 * @throws AppError `not_found`, also for another team's; `unavailable`.
 */
export async function getEndpoint(
  context: RegionContext,
  call: Call,
  endpointId: string,
): Promise<Answer<{ dedicated_inference: DedicatedInference }>> {
  const status = await context.view.readStatus(endpointId);
  const desired = await readSpec(context, call, endpointId);
  const resource = project(desired, status, context.address);
  return { status: 200, revision: resource.revision, body: { dedicated_inference: resource } };
}

/** A page of a team's endpoints, oldest first. `listUrl` is what the page links start with. */
export async function listEndpoints(
  context: RegionContext,
  call: Call,
  { query, listUrl }: { query: ListQuery; listUrl: string },
): Promise<Answer<ListReply>> {
  await context.view.barrier();
  const { team } = call.principal;
  const mine = [...context.view.all()].filter(({ desired: { spec } }) => spec.team === team && fits(spec, query));
  const sorted = mine.toSorted(byPlace);
  const { after } = query;
  const behind =
    after === undefined
      ? sorted.slice((query.page - 1) * query.per_page)
      : sorted.filter((one) => placeOf(one) > after);
  const items = behind.slice(0, query.per_page);
  const last = behind.length > items.length ? items.at(-1) : undefined;
  return {
    status: 200,
    revision: null,
    body: {
      dedicated_inferences: items.map(({ desired, status }) => ({
        ...project(desired, status, context.address),
        provider_model_id: desired.spec.deployments.map((model) => model.providerModelId),
      })),
      links: pageLinks(listUrl, query, { total: mine.length, next: last && { after: placeOf(last) } }),
      meta: { total: mine.length },
    },
  };
}

function fits(spec: { name: string; region: string }, { name, region }: ListQuery): boolean {
  return (name === undefined || name === spec.name) && (region === undefined || region === spec.region);
}

/** Where an endpoint stands in every list: ISO times of one form compare as text. */
function placeOf({ desired: { spec } }: ViewedEndpoint): string {
  return `${spec.createdAt}_${spec.endpointId}`;
}

/** The same order, without a new text for each comparison. */
function byPlace({ desired: { spec: left } }: ViewedEndpoint, { desired: { spec: right } }: ViewedEndpoint): number {
  if (left.createdAt !== right.createdAt) return left.createdAt < right.createdAt ? -1 : 1;
  return left.endpointId < right.endpointId ? -1 : 1;
}
