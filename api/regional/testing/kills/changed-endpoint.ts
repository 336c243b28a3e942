import type { AuditDocument } from '#shared/contract/audit.ts';
import { specDocumentSchema, writtenAccessSchema, type DesiredDocument } from '#shared/contract/desired.ts';
import { contentHash } from '../../endpoints/next-document.ts';
import { createBody } from '../create-body.ts';
import type { TestReply } from '../region-fixture.ts';
import type { PatientClient } from './patient-client.ts';

const collection = '/v2/dedicated-inferences';

/** One mutation that was answered 2xx; `revision` is what its answer says, null where it says none. */
interface Accepted {
  action: AuditDocument['action'];
  revision: number | null;
}

/** What the stores say of an endpoint. */
export interface StoredEndpoint {
  spec: unknown;
  access: unknown;
  lines: { spec: AuditDocument[]; access: AuditDocument[] };
}

/** One endpoint, changed by one client, which remembers what was accepted and what must have come of it. */
export class ChangedEndpoint {
  readonly name: string;
  readonly #client: PatientClient;
  readonly #random: () => number;
  readonly #accepted: { spec: Accepted[]; access: Accepted[] } = { spec: [], access: [] };
  /** By name: what a token is called stays when it is rotated. */
  readonly #tokens = new Map<string, string>();
  #revision = 0;
  #count = 0;
  #scale = 2;
  #choices: number | undefined;
  id = '';

  constructor(name: string, { client, random }: { client: PatientClient; random: () => number }) {
    this.name = name;
    this.#client = client;
    this.#random = random;
  }

  /** One more mutation: the first one creates the endpoint. @throws when it is refused. */
  async change(): Promise<void> {
    this.#count += 1;
    if (this.#count === 1) return this.#create();
    const draw = this.#random();
    if (draw < 0.3) return this.#rescale();
    if (draw < 0.5) return this.#route();
    const [name, tokenId] = [...this.#tokens][Math.floor(this.#random() * this.#tokens.size)] ?? [];
    if (name === undefined || tokenId === undefined || draw < 0.75) return this.#addToken();
    return draw < 0.87 ? this.#rotate(name, tokenId) : this.#revoke(name, tokenId);
  }

  /** What is not as it must be: an accepted mutation that is lost or stands twice, a state or a line that does not fit. */
  problems({ spec: storedSpec, access: storedAccess, lines }: StoredEndpoint): string[] {
    const spec = specDocumentSchema.parse(storedSpec);
    const access = writtenAccessSchema.parse(storedAccess);
    const choices = spec.routing?.choicesMax;
    const scale = spec.deployments[0]?.accelerators[0]?.scale;
    return [
      ...differs('scale', scale, this.#scale),
      ...differs('choices', choices, this.#choices),
      ...differs('tokens', access.tokens.map(({ name }) => name).toSorted(), [...this.#tokens.keys()].toSorted()),
      ...this.#lineProblems('spec', lines.spec, spec),
      ...this.#lineProblems('access', lines.access, access),
    ].map((problem) => `${this.name}: ${problem}`);
  }

  #lineProblems(kind: 'spec' | 'access', lines: AuditDocument[], document: DesiredDocument | object): string[] {
    const accepted = this.#accepted[kind];
    const broken = lines.filter(({ before }, index) => index > 0 && before !== lines[index - 1]?.after);
    const wrong = accepted.filter(({ revision }, index) => revision !== null && revision !== lines[index]?.revision);
    return [
      ...differs(
        `${kind} lines`,
        lines.map(({ action }) => action),
        accepted.map(({ action }) => action),
      ),
      ...differs(`${kind} intents`, new Set(lines.map(({ intentId }) => intentId)).size, lines.length),
      ...differs(`${kind} lines that do not follow the one before`, broken.length, 0),
      ...differs(`${kind} answers with another revision than their line`, wrong.length, 0),
      ...(lines.length > 0 ? differs(`${kind} content`, contentHash(document), lines.at(-1)?.after) : []),
    ];
  }

  async #create(): Promise<void> {
    const { body } = await this.#send('spec', 'create', {
      method: 'POST',
      path: collection,
      body: createBody(this.name),
    });
    this.id = body.dedicated_inference?.id ?? '';
    this.#tokens.set(body.token?.name ?? '', body.token?.id ?? '');
  }

  async #rescale(): Promise<void> {
    this.#scale = 1 + (this.#scale % 9);
    const group = { scale: this.#scale, type: 'prefill_decode', accelerator_slug: 'gpu-mi300x1-192gb' };
    const body = { spec: { model_deployments: [{ accelerators: [group] }] } };
    const headers = { 'if-match': `"${this.#revision}"` };
    await this.#send('spec', 'scale', { method: 'PATCH', path: `${collection}/${this.id}`, body, headers });
  }

  async #route(): Promise<void> {
    this.#choices = this.#count;
    const path = `${collection}/${this.id}/routing`;
    await this.#send('spec', 'update', { method: 'PUT', path, body: { choices_max: this.#choices } });
  }

  async #addToken(): Promise<void> {
    const name = `token-${this.#count}`;
    const path = `${collection}/${this.id}/tokens`;
    const { body } = await this.#send('access', 'create_token', { method: 'POST', path, body: { name } });
    this.#tokens.set(name, body.token?.id ?? '');
  }

  async #rotate(name: string, tokenId: string): Promise<void> {
    const path = `${collection}/${this.id}/tokens/${tokenId}/rotate`;
    const order = { method: 'POST', path, body: { overlap_seconds: 0 } };
    const { body } = await this.#send('access', 'rotate_token', order);
    this.#tokens.set(name, body.token?.id ?? '');
  }

  async #revoke(name: string, tokenId: string): Promise<void> {
    const path = `${collection}/${this.id}/tokens/${tokenId}`;
    await this.#send('access', 'revoke_token', { method: 'DELETE', path });
    this.#tokens.delete(name);
  }

  async #send(
    kind: 'spec' | 'access',
    action: Accepted['action'],
    request: Parameters<PatientClient['change']>[1],
  ): Promise<TestReply> {
    const reply = await this.#client.change(`${this.name}-${this.#count}`, request);
    const revision = kind === 'spec' ? Number(reply.headers.get('etag')?.replaceAll('"', '')) : null;
    this.#revision = revision ?? this.#revision;
    this.#accepted[kind].push({ action, revision });
    return reply;
  }
}

function differs(what: string, found: unknown, expected: unknown): string[] {
  const [is, must] = [JSON.stringify(found), JSON.stringify(expected)];
  return is === must ? [] : [`${what}: ${is} instead of ${must}`];
}
