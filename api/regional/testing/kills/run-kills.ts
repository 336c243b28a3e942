import { streams, subjects } from '#shared/contract/subjects.ts';
import { readLast } from '#shared/runtime/nats/nats-publish.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { readAudit } from '../audit-log.ts';
import { callApi, startTestRegion, testEnvironment, testVpcId } from '../region-fixture.ts';
import { ApiCrew } from './api-crew.ts';
import { ChangedEndpoint, type StoredEndpoint } from './changed-endpoint.ts';
import { PatientClient } from './patient-client.ts';

/** How much is done. */
export interface KillsPlan {
  mutations: number;
  endpoints: number;
  /** Of what is changed, and of who is killed when. */
  seed: number;
}

/** What came of it. */
export interface KillsReport {
  mutations: number;
  requests: number;
  kills: number;
  auditLines: number;
  seconds: number;
  /** Every mutation that was lost or made twice, and every line; empty when all is well. */
  problems: string[];
}

const processes = 3;
const clients = 8;

/** Mutations from one kill to the next, on average. */
const killEvery = 12;

/**
 * Changes endpoints through several API processes, one of which gets SIGKILL now and then in the middle, and looks at the
 * end whether each accepted mutation took effect once and has one audit line.
 */
export async function runKills({ mutations, endpoints, seed }: KillsPlan): Promise<KillsReport> {
  const startedAt = performance.now();
  const random = seededRandom(seed);
  await using server = await startRegionNats();
  await using region = await startTestRegion({ natsUrl: server.url, apiNatsUrls: [] });
  await using crew = await ApiCrew.start(processes, await testEnvironment(server.url));
  const client = new PatientClient(() => crew.url(random()));
  const all = Array.from({ length: endpoints }, (_, index) => {
    return new ChangedEndpoint(`kills-${index}`, { client, random: seededRandom(seed + 1 + index) });
  });
  await changeAll(all, mutations, () => {
    if (random() < 1 / killEvery) crew.kill(random());
  });
  await crew.whole();
  const { body } = await callApi(crew.url(0) ?? '', { path: '/v2/dedicated-inferences?per_page=1' });
  const found = body.meta?.total === endpoints ? [] : [`${body.meta?.total} endpoints instead of ${endpoints}`];
  const auditLines = await allLines(region.nats, mutations);
  for (const endpoint of all) found.push(...endpoint.problems(await storedOf(region.nats, endpoint.id)));
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  return { mutations, requests: client.requests, kills: crew.kills, auditLines, seconds, problems: found };
}

/** Endpoints are changed by several clients at once, each by one at a time, and each about as often as the others. */
async function changeAll(all: readonly ChangedEndpoint[], mutations: number, onSent: () => void): Promise<void> {
  const free = [...all];
  let left = mutations;
  const client = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const endpoint = free.shift();
      if (endpoint === undefined) throw new Error('there are fewer endpoints than clients');
      const changed = endpoint.change();
      onSent();
      await changed;
      free.push(endpoint);
    }
  };
  await Promise.all(Array.from({ length: Math.min(clients, all.length) }, client));
}

/** Waits until every line is there, as far as they come; how many there are. */
async function allLines(nats: Nats, expected: number): Promise<number> {
  const count = async (): Promise<number> => (await nats.jsm.streams.info(streams.audit.name)).state.messages;
  await eventually(async () => {
    if ((await count()) < expected) throw new Error('some lines are not written yet');
  }).catch(() => {});
  return count();
}

async function storedOf(nats: Nats, id: string): Promise<StoredEndpoint> {
  const [spec, access] = await Promise.all(
    [subjects.spec(id), subjects.access(testVpcId, id)].map((subject) => readLast(nats, streams.desired.name, subject)),
  );
  const lines = {
    spec: await readAudit(nats, subjects.audit('spec', id)),
    access: await readAudit(nats, subjects.audit('access', id)),
  };
  return { spec: spec?.body, access: access?.body, lines };
}
