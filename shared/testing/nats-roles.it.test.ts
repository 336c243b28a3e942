import { connect, type NatsConnection } from '@nats-io/transport-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { edgeApi, natsUser, type NatsRole } from '#shared/contract/nats-roles.ts';
import { edgeStreams, streams, subjects } from '#shared/contract/subjects.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { connectNats, type Nats } from '#shared/runtime/nats/nats.ts';
import { writeDocuments } from '#shared/runtime/nats/nats-publish.ts';
import { eventually } from './eventually.ts';
import { endAfterAll } from './started.ts';
import { startRegionNats, type RegionNats } from './region-nats.ts';
import { makeEdgeStreams, makeTestStreams } from './test-streams.ts';

const [own, other] = ['00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-0000000000b2'];
const region = 'atl1';
const roles: NatsRole[] = [
  { role: 'router', vpcId: own },
  { role: 'provisioner', region },
  { role: 'regional', region },
  { role: 'central' },
  { role: 'admin' },
  { role: 'team', team: 'demo' },
];

const everyStream = [
  ...Object.values(streams).map(({ name }) => name),
  ...[own, other].flatMap((vpcId) => [edgeStreams.access(vpcId).name, edgeStreams.pools(vpcId).name]),
];
const reads = [
  'STREAM.INFO.S',
  'STREAM.MSG.GET.S',
  'CONSUMER.CREATE.S',
  'CONSUMER.CREATE.S.c',
  'CONSUMER.CREATE.S.c.f',
];
const follows = ['CONSUMER.DELETE.S.c', 'CONSUMER.INFO.S.c', 'CONSUMER.MSG.NEXT.S.c'];
const changes = ['CREATE', 'UPDATE', 'DELETE', 'PURGE', 'SNAPSHOT', 'RESTORE', 'MSG.DELETE', 'LEADER.STEPDOWN'];
const verbs = [
  ...reads,
  ...follows,
  ...changes.map((verb) => `STREAM.${verb}.S`),
  ...['LIST', 'NAMES'].map((verb) => `CONSUMER.${verb}.S`),
  'CONSUMER.DURABLE.CREATE.S.c',
  'CONSUMER.LEADER.STEPDOWN.S.c',
  'DIRECT.GET.S',
  'DIRECT.GET.S.a.b',
];
const asked = (prefix: string, names: readonly string[], list: readonly string[]): string[] =>
  names.flatMap((name) => list.map((verb) => `${prefix}.${verb.replace(/\.S(?=\.|$)/, `.${name}`)}`));
const api = '$JS.API';

/** What is sent in a region: documents, reports, commands, and questions to the store. */
const documents = {
  spec: subjects.spec('e'),
  access: subjects.access(own, 'e'),
  accessElsewhere: subjects.access(other, 'e'),
  name: subjects.name('demo', 'h'),
  status: subjects.status('e'),
  event: subjects.event('e'),
  auditSpec: subjects.audit('spec', 'e'),
  auditAccess: subjects.audit('access', 'e'),
  auditOperator: subjects.audit('operator', region),
  token: subjects.apiToken('h'),
  team: subjects.team('demo'),
  vpc: subjects.vpc(own),
  pool: subjects.pool(own, 'e', 'p'),
  cluster: subjects.cluster(own),
  word: subjects.word(own, 'e'),
  router: subjects.router(own, 'r'),
  quarantine: subjects.quarantine(own, 'e'),
  resource: subjects.resource(own, 'k'),
  lease: subjects.lease(own, 1),
  member: subjects.member(own, 'i'),
  drain: subjects.drain(own, 'r'),
  drainElsewhere: subjects.drain(other, 'r'),
  use: subjects.use(own, 'r'),
  useElsewhere: subjects.use(other, 'r'),
  used: subjects.used('e'),
  command: subjects.command('demo', region, 'create'),
  commandOfOthers: subjects.command('other', region, 'create'),
  teamEvent: subjects.teamEvent('demo', region, 'e'),
  teamEventOfOthers: subjects.teamEvent('other', region, 'e'),
} as const;
const universe = [
  ...Object.values(documents),
  ...asked(api, everyStream, verbs),
  ...asked(edgeApi, everyStream, verbs),
  `${api}.INFO`,
  `${api}.STREAM.LIST`,
  `${api}.STREAM.NAMES`,
  `${api}.META.LEADER.STEPDOWN`,
  `${api}.SERVER.REMOVE`,
  `${api}.ACCOUNT.PURGE.CONTROL`,
  '$JS.ACK.STATUS.c.1.1.1.1.1',
  '$JS.ACK.DESIRED.c.1.1.1.1.1',
  '$SYS.REQ.SERVER.PING',
  '$SYS.REQ.ACCOUNT.CONTROL.CONNZ',
  '$SRV.PING',
  '_INBOX.x',
  '_R_.x.y',
  'anything',
  ...roles.map((role) => `_INBOX_${natsUser(role).name}.x`),
];
const heard = [
  ...Object.values(documents),
  '>',
  '_INBOX.>',
  '$JS.>',
  '$KV.>',
  'fairway.>',
  subjects.everyDrain,
  subjects.everyUse,
  '_R_.>',
].concat(
  roles.map((role) => `_INBOX_${natsUser(role).name}.x`),
  subjects.commandsOfRegion(region),
);

const { desired, status, events, audit, used, edge, infra, leases, identity } = streams;
const read = (prefix: string, ...rows: { name: string }[]): string[] =>
  asked(
    prefix,
    rows.map(({ name }) => name),
    [...reads, ...follows],
  );
const look = (...rows: { name: string }[]): string[] => rows.map(({ name }) => `${api}.STREAM.INFO.${name}`);
const d = documents;

/** What each role needs, written down apart from the function that grants it. All else in the lists above is refused. */
const needs: Record<NatsRole['role'], { publish: string[]; subscribe: string[] }> = {
  router: {
    publish: [...read(edgeApi, edgeStreams.access(own), edgeStreams.pools(own)), d.drain, d.use],
    subscribe: [],
  },
  provisioner: {
    publish: [
      ...read(api, desired, status, edge, infra, leases),
      ...look(events),
      `${api}.CONSUMER.DURABLE.CREATE.DESIRED.c`,
      '$JS.ACK.DESIRED.c.1.1.1.1.1',
      d.status,
      d.event,
      d.pool,
      d.cluster,
      d.word,
      d.router,
      d.quarantine,
      d.resource,
      d.lease,
      d.member,
      d.teamEvent,
      d.teamEventOfOthers,
    ],
    subscribe: [d.drain, d.drainElsewhere, subjects.everyDrain],
  },
  regional: {
    publish: [
      ...read(api, desired, status, identity, events),
      ...look(audit, used),
      ...[audit, used].map(({ name }) => `${api}.STREAM.MSG.GET.${name}`),
      d.spec,
      d.access,
      d.accessElsewhere,
      d.name,
      d.event,
      d.auditSpec,
      d.auditAccess,
      d.used,
    ],
    subscribe: [
      d.command,
      d.commandOfOthers,
      d.use,
      d.useElsewhere,
      subjects.commandsOfRegion(region),
      subjects.everyUse,
    ],
  },
  central: { publish: read(edgeApi, identity), subscribe: [] },
  admin: {
    publish: [
      ...asked(
        api,
        everyStream,
        ['CREATE', 'UPDATE', 'DELETE', 'INFO'].map((verb) => `STREAM.${verb}.S`),
      ),
      ...read(api, identity, infra, audit),
      d.token,
      d.team,
      d.vpc,
      d.word,
      d.router,
      d.auditOperator,
    ],
    subscribe: [],
  },
  team: { publish: [d.command], subscribe: [d.teamEvent] },
};

describe('rights in NATS', () => {
  let server: RegionNats;
  let nats: Nats;

  const started = endAfterAll();
  beforeAll(async () => {
    server = await started.use(startRegionNats({ vpcIds: [own, other], teams: ['demo', 'other'] }));
    nats = await started.use(connectNats({ url: server.url, name: 'test', log: silentLogger() }));
    await makeTestStreams(nats, Object.values(streams));
    for (const vpcId of [own, other]) await makeEdgeStreams(nats, vpcId);
  });

  /** A bare connection as a role, and every subject that the server refused it. */
  async function enter(role: NatsRole): Promise<{ nc: NatsConnection; refused: Set<string> } & AsyncDisposable> {
    const url = new URL(server.urlOf(role));
    const nc = await connect({ servers: url.host, user: url.username, pass: url.password });
    const refused = new Set<string>();
    void (async () => {
      for await (const told of nc.status())
        if (told.type === 'error') refused.add(/"([^"]*)"/.exec(told.error.message)?.[1] ?? told.error.message);
    })();
    return { nc, refused, [Symbol.asyncDispose]: () => nc.close() };
  }

  it.each(roles)('$role may send what it needs and nothing else', async (role) => {
    await using entered = await enter(role);
    const { nc, refused } = entered;
    // No question is valid: what is let through changes no stream.
    for (const subject of universe) nc.publish(subject, 'neither JSON nor empty');
    await nc.flush();
    await nc.flush();
    const passed = universe.filter((subject) => !refused.has(subject));
    expect(new Set(passed)).toEqual(new Set(needs[role.role].publish));
  });

  it.each(roles)('$role may hear what it needs and its own inbox', async (role) => {
    await using entered = await enter(role);
    const { nc, refused } = entered;
    for (const subject of heard) nc.subscribe(subject, { callback: () => {} });
    await nc.flush();
    await nc.flush();
    const passed = heard.filter((subject) => !refused.has(subject));
    const inbox = `_INBOX_${natsUser(role).name}.x`;
    expect(new Set(passed)).toEqual(new Set([...needs[role.role].subscribe, inbox]));
  });

  it('an answer never lands on a subject of the store, whoever asks for that', async () => {
    const victim = subjects.spec('victim');
    const body = { mine: true };
    const [stored] = await Promise.all([writeDocuments(nats, [{ subject: victim, body }], ''), nats.nc.flush()]);
    const replies: string[] = [];
    const service = nats.nc.subscribe(subjects.commandsOfRegion(region), {
      callback: (_, message) => {
        replies.push(message.reply ?? '');
        message.respond('an answer');
      },
    });
    await nats.nc.flush();
    await using router = await enter({ role: 'router', vpcId: own });
    await using team = await enter({ role: 'team', team: 'demo' });
    await using central = await enter({ role: 'central' });
    central.nc.publish(`${edgeApi}.STREAM.INFO.${identity.name}`, '', { reply: victim });
    const pools = edgeStreams.pools(own).name;
    router.nc.publish(`${edgeApi}.STREAM.INFO.${pools}`, '', { reply: victim });
    const push = { stream_name: pools, config: { name: 'p', deliver_subject: victim, ack_policy: 'none' } };
    router.nc.publish(`${edgeApi}.CONSUMER.CREATE.${pools}.p`, JSON.stringify(push), { reply: victim });
    team.nc.publish(d.command, 'x', { reply: victim });
    for (const { nc } of [router, team, central]) await nc.flush();
    await writeDocuments(nats, [{ subject: subjects.pool(own, 'e', 'p'), body: 'news for the consumer' }], '');
    await eventually(() => expect(replies).toHaveLength(1));
    expect(replies[0]).toMatch(/^_R_\./);
    await nats.nc.flush();
    const last = await nats.jsm.streams.getMessage(desired.name, { last_by_subj: victim });
    expect([last?.seq, last?.json()]).toEqual([stored.kind === 'stored' ? stored.seqs[0] : 0, body]);
    service.unsubscribe();
  });
});
