/**
 * Run: node api/regional/testing/schemathesis.ts [cases per operation and phase]
 * Schemathesis (PyPI, 4.32 or newer; found on PATH or in FAIRWAY_SCHEMATHESIS) makes requests out of `/openapi.json`, right
 * and wrong ones, and judges every answer of a region on a real nats-server by the same document. Ends with its status.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { runCommand, stopSignal } from '#shared/testing/run-command.ts';
import { activate } from './activate.ts';
import { createBody } from './create-body.ts';
import { alphaToken, startTestRegion, testVpcId } from './region-fixture.ts';

const cases = Number(process.argv[2] ?? 1000);
/** Endpoints that are there at the start: half of the requests that name one name one of these. */
const endpointsMax = 40;

await using stack = new AsyncDisposableStack();
const server = stack.use(await startRegionNats());
const region = stack.use(await startTestRegion({ natsUrl: server.url, apiNatsUrls: [server.url] }));
const folder = await mkdtemp(join(tmpdir(), 'fairway-schemathesis-'));
stack.defer(() => rm(folder, { recursive: true }));
const parts: { endpoint: string; accelerator: string; token: string }[] = [];
while (parts.length < endpointsMax) {
  const { body } = await region.call(0, { method: 'POST', body: createBody(`there-${parts.length}`) });
  const endpoint = body.dedicated_inference;
  if (endpoint === undefined) throw new Error(body.message);
  await activate(region, endpoint.id);
  const accelerator = endpoint.pending_deployment_spec?.model_deployments[0]?.accelerators[0]?.accelerator_id ?? '';
  parts.push({ endpoint: endpoint.id, accelerator, token: body.token?.id ?? '' });
}
const dictionary = (name: string, values: string[]): string =>
  `[dictionaries.${name}]\nvalues = ${JSON.stringify(values)}\n`;
const bound = (parameter: string, name: string): string =>
  `"${parameter}" = { dictionary = "${name}", probability = 0.5 }\n`;
const config = [
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
  bound('path.id', 'endpoints'),
  bound('path.accelerator_id', 'accelerators'),
  bound('path.token_id', 'tokens'),
  bound('body.spec.vpc.uuid', 'vpcs'),
];
await writeFile(join(folder, 'schemathesis.toml'), config.join(''));
const { code } = await runCommand(
  [
    process.env['FAIRWAY_SCHEMATHESIS'] ?? 'schemathesis',
    `--config-file=${join(folder, 'schemathesis.toml')}`,
    'run',
    `${region.apis[0]?.url}/openapi.json`,
    `--header=Authorization: Bearer ${alphaToken}`,
    `--max-examples=${cases}`,
    '--seed=1',
    '--checks=all',
    // No schema says which VPCs are the team's, whether an endpoint has a CA yet, or at which revision it stands.
    '--exclude-checks=positive_data_acceptance,ensure_resource_availability',
    '--continue-on-failure',
    '--no-color',
    '--request-timeout=20',
    '--suppress-health-check=all',
  ],
  { cwd: folder, show: true, signal: stopSignal() },
);
process.exitCode = code ?? 1;
