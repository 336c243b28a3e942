import { edgeApi, type NatsAccount, type NatsUser } from './nats-roles.ts';
import { subjects } from './subjects.ts';

/** A user with the password that it connects with. */
export interface NatsLogin {
  user: NatsUser;
  password: string;
}

/** What account EDGE may ask the store, without the prefix; what a user of it may name is in the user's own rights. */
const edgeQuestions = [
  'STREAM.INFO.*',
  'STREAM.MSG.GET.*',
  'CONSUMER.CREATE.>',
  'CONSUMER.DELETE.*.*',
  'CONSUMER.INFO.*.*',
  'CONSUMER.MSG.NEXT.*.*',
];
const everyCommand = subjects.command('*', '*', '*');
const everyTeamEvent = subjects.teamEvent('*', '*', '*');

/**
 * The `accounts` of a region's nats-server as text of its configuration file: every user with its rights, and what the
 * accounts give each other. Questions are answered through the server, so that an answer cannot go astray.
 */
export function natsAccounts(logins: readonly NatsLogin[]): string {
  const exports = [
    ...edgeQuestions.map((question) => {
      const kind = question.includes('NEXT') ? 'stream' : 'singleton';
      return `{ service: "$JS.API.${question}", accounts: [EDGE], response_type: ${kind} }`;
    }),
    `{ service: "${everyCommand}", accounts: [TEAMS] }`,
    `{ service: "${subjects.everyUse}", accounts: [EDGE] }`,
    `{ stream: "${everyTeamEvent}", accounts: [TEAMS] }`,
  ];
  const drains = `{ stream: { account: EDGE, subject: "${subjects.everyDrain}" } }`;
  const fromControl = (kind: string, subject: string, to = subject): string =>
    `{ ${kind}: { account: CONTROL, subject: "${subject}" }, to: "${to}" }`;
  return [
    'accounts {',
    ...account('CONTROL', logins, { jetstream: true, exports, imports: [drains] }),
    ...account('EDGE', logins, {
      exports: [`{ stream: "${subjects.everyDrain}", accounts: [CONTROL] }`],
      imports: [
        ...edgeQuestions.map((each) => fromControl('service', `$JS.API.${each}`, `${edgeApi}.${each}`)),
        fromControl('service', subjects.everyUse),
      ],
    }),
    ...account('TEAMS', logins, {
      exports: [],
      imports: [fromControl('service', everyCommand), `{ stream: { account: CONTROL, subject: "${everyTeamEvent}" } }`],
    }),
    '}',
    '',
  ].join('\n');
}

/** One user as a line of the configuration file. */
export function natsUserLine({ user, password }: NatsLogin): string {
  const list = (subjectList: readonly string[]): string => `[${subjectList.map((each) => `"${each}"`).join(', ')}]`;
  const answers = user.answers ? ', allow_responses: { max: 1, expires: "60s" }' : '';
  const permissions = `{ publish: { allow: ${list(user.publish)} }, subscribe: { allow: ${list(user.subscribe)} }${answers} }`;
  return `{ user: "${user.name}", password: ${JSON.stringify(password)}, permissions: ${permissions} }`;
}

function account(
  name: NatsAccount,
  logins: readonly NatsLogin[],
  parts: { jetstream?: boolean; exports: readonly string[]; imports: readonly string[] },
): string[] {
  const block = (key: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : [`    ${key}: [`, ...lines.map((line) => `      ${line}`), '    ]'];
  const users = logins.filter(({ user }) => user.account === name).map(natsUserLine);
  return [
    `  ${name} {`,
    ...(parts.jetstream === true ? ['    jetstream: enabled'] : []),
    ...block('users', users),
    ...block('exports', parts.exports),
    ...block('imports', parts.imports),
    '  }',
  ];
}
