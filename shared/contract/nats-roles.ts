import { edgeStreams, streams, subjects } from './subjects.ts';

/** Whoever connects to the NATS of a region. */
export type NatsRole =
  | { role: 'router'; vpcId: string }
  | { role: 'provisioner' | 'regional'; region: string }
  | { role: 'central' | 'admin' }
  | { role: 'team'; team: string };

/**
 * Accounts of nats-server. It does not check where an answer is sent to: who may ask the store anything could have it write
 * its answer over a spec. So who only reads, and who is no part of Fairway, has an account apart, in which no document lives.
 */
export type NatsAccount = 'CONTROL' | 'EDGE' | 'TEAMS';

/** One user: what it may send and hear. Its inbox is its own. */
export interface NatsUser {
  account: NatsAccount;
  name: string;
  publish: string[];
  subscribe: string[];
  /** It may answer whatever it was asked. */
  answers: boolean;
}

const controlApi = '$JS.API';
/** Under this prefix account EDGE reaches the store's API. */
export const edgeApi = 'fairway.edge.api';

/** What reading streams whole takes: a look, the last message of a subject, an ordered consumer. */
function reading(api: string, rows: readonly { name: string }[]): string[] {
  return rows.flatMap(({ name }) => [
    `${api}.STREAM.INFO.${name}`,
    `${api}.STREAM.MSG.GET.${name}`,
    `${api}.CONSUMER.CREATE.${name}`,
    ...['CREATE', 'DELETE', 'INFO', 'MSG.NEXT'].map((verb) => `${api}.CONSUMER.${verb}.${name}.>`),
  ]);
}

/** What verifying a stream takes that is only written. */
function looking(rows: readonly { name: string }[]): string[] {
  return rows.map(({ name }) => `${controlApi}.STREAM.INFO.${name}`);
}

/** What verifying a stream takes of which single documents are asked for. */
function lookingUp(rows: readonly { name: string }[]): string[] {
  return [...looking(rows), ...rows.map(({ name }) => `${controlApi}.STREAM.MSG.GET.${name}`)];
}

const { desired, status, events, audit, used, edge, infra, leases, identity } = streams;

/** What operators say: who is who, what may be swept, which router is gone, and that they said so. */
const operatorWrites = [
  ...identity.subjects,
  subjects.everyWord,
  subjects.routersOfVpc('*'),
  subjects.audit('operator', '*'),
];

/** The user of a role, with nothing that it does not need. */
export function natsUser(role: NatsRole): NatsUser {
  const user = (name: string, rights: Partial<NatsUser>): NatsUser => {
    const { account = 'CONTROL', publish = [], subscribe = [], answers = false } = rights;
    return { account, name, publish, subscribe: [`_INBOX_${name}.>`, ...subscribe], answers };
  };
  switch (role.role) {
    case 'router': {
      const { vpcId } = role;
      const reads = reading(edgeApi, [edgeStreams.access(vpcId), edgeStreams.pools(vpcId)]);
      const reports = [subjects.drain(vpcId, '*'), subjects.use(vpcId, '*')];
      return user(`router-${vpcId}`, { account: 'EDGE', publish: [...reads, ...reports] });
    }
    case 'provisioner':
      return user('provisioner', {
        publish: [
          ...reading(controlApi, [desired, status, edge, infra, leases]),
          ...looking([events]),
          `${controlApi}.CONSUMER.DURABLE.CREATE.${desired.name}.*`,
          // Acknowledgements of its durable consumer, in the form of today's servers and in the coming one.
          `$JS.ACK.${desired.name}.>`,
          `$JS.ACK.*.*.${desired.name}.>`,
          subjects.everyStatus,
          subjects.event('*'),
          ...edge.subjects,
          ...infra.subjects,
          ...leases.subjects,
          subjects.teamEvent('*', role.region, '*'),
        ],
        subscribe: [subjects.everyDrain],
      });
    case 'regional':
      return user('regional', {
        publish: [
          ...reading(controlApi, [desired, status, identity, events]),
          // How far the audit lines of an endpoint have got, and when its tokens were used.
          ...lookingUp([audit, used]),
          ...desired.subjects,
          subjects.event('*'),
          ...(['spec', 'access'] as const).map((document) => subjects.audit(document, '*')),
          subjects.used('*'),
        ],
        subscribe: [subjects.commandsOfRegion(role.region), subjects.everyUse],
        answers: true,
      });
    case 'central':
      return user('central', { account: 'EDGE', publish: reading(edgeApi, [identity]) });
    case 'admin':
      return user('admin', {
        publish: [
          ...['CREATE', 'UPDATE', 'DELETE', 'INFO'].map((verb) => `${controlApi}.STREAM.${verb}.*`),
          ...reading(controlApi, [identity, infra, audit]),
          ...operatorWrites,
        ],
      });
    case 'team':
      return user(`team-${role.team}`, {
        account: 'TEAMS',
        publish: [subjects.command(role.team, '*', '*')],
        subscribe: [subjects.teamEvent(role.team, '*', '*')],
      });
  }
}
