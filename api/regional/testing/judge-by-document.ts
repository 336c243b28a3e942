import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { runCommand, type CommandResult } from '#shared/testing/run-command.ts';
import { activate } from './activate.ts';
import { createBody } from './create-body.ts';
import { alphaToken, startTestRegion, testVpcId, type TestRegion } from './region-fixture.ts';

/** Endpoints that are there at the start: half of the requests that name one name one of these. */
const endpointsMax = 40;

/** What is asked of Schemathesis: so many cases per operation and phase. */
export interface Judgement {
  /** The program. */
  schemathesis: string;
  cases: number;
  /** Show its output as it comes. */
  show: boolean;
  signal?: AbortSignal;
}

/**
 * Schemathesis makes requests out of `/openapi.json`, right and wrong ones, from a fixed seed, and judges every answer of
 * a region on a real nats-server by the same document. Its status is 0 when nothing was wrong.
 */
export async function judgeByDocument({ schemathesis, cases, show, signal }: Judgement): Promise<CommandResult> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startRegionNats());
  const region = stack.use(await startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url] }));
  const folder = await mkdtemp(join(tmpdir(), 'fairway-schemathesis-'));
  stack.defer(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'schemathesis.toml'), settingsFor(await seed(region)));
  return await runCommand(
    [
      schemathesis,
      `--config-file=${join(folder, 'schemathesis.toml')}`,
      'run',
      `${region.apis[0]?.url}/openapi.json`,
      `--header=Authorization: Bearer ${alphaToken}`,
      `--max-examples=${cases}`,
      '--seed=1',
      '--checks=all',
      // No schema says which VPCs are the team's, whether an endpoint has a CA yet, or at which revision it stands; nor
      // that a DELETE is accepted (202), and the endpoint answers until it is gone.
      '--exclude-checks=positive_data_acceptance,ensure_resource_availability,use_after_free',
      '--continue-on-failure',
      '--no-color',
      '--request-timeout=20',
      '--suppress-health-check=all',
    ],
    { cwd: folder, show, ...(signal && { signal }) },
  );
}

interface Parts {
  endpoint: string;
  accelerator: string;
  token: string;
}

async function seed(region: TestRegion): Promise<Parts[]> {
  const parts: Parts[] = [];
  while (parts.length < endpointsMax) {
    const { body } = await region.call(0, { method: 'POST', body: createBody(`there-${parts.length}`) });
    const endpoint = body.dedicated_inference;
    if (endpoint === undefined) throw new Error(body.message);
    await activate(region, endpoint.id);
    const accelerator = endpoint.pending_deployment_spec?.model_deployments[0]?.accelerators[0]?.accelerator_id ?? '';
    parts.push({ endpoint: endpoint.id, accelerator, token: body.token?.id ?? '' });
  }
  return parts;
}

/** Where ids come from; and nothing is waited for, since no provisioner carries changes out. */
function settingsFor(parts: readonly Parts[]): string {
  const dictionary = (name: string, values: string[]): string =>
    `[dictionaries.${name}]\nvalues = ${JSON.stringify(values)}\n`;
  const bound = (parameter: string, name: string): string =>
    `"${parameter}" = { dictionary = "${name}", probability = 0.5 }\n`;
  return [
    dictionary(
      'endpoints',
      parts.map(({ endpoint }) => endpoint),
    ),
    dictionary(
      'accelerators',
      parts.map(({ accelerator }) => accelerator),
    ),
    dictionary(
      'tokens',
      parts.map(({ token }) => token),
    ),
    dictionary('vpcs', [testVpcId, '']),
    '[parameters]\n',
    '"header.Prefer" = "wait=0"\n',
    bound('path.id', 'endpoints'),
    bound('path.accelerator_id', 'accelerators'),
    bound('path.token_id', 'tokens'),
    bound('body.spec.vpc.uuid', 'vpcs'),
  ].join('');
}
