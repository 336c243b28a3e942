import { Pool } from 'undici';
import { streams, subjects } from '#shared/contract/subjects.ts';
import { digest } from '#shared/runtime/keyed-hash.ts';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { readLast, writeDocuments } from '#shared/runtime/nats/nats-publish.ts';
import { startRegionNats } from '#shared/testing/region-nats.ts';
import { createBody } from '../create-body.ts';
import { spawnRegionalApi } from '../process.ts';
import { alphaToken, startTestRegion, testEnvironment, testVpcId } from '../region-fixture.ts';

const collection = '/v2/dedicated-inferences';

/** One API process on a nats-server with `sync_interval: always`, and the same store without it. */
export class BenchRegion implements AsyncDisposable {
  readonly nats: Nats;
  readonly #pool: Pool;
  readonly #adminUrl: string;
  readonly #stack: AsyncDisposableStack;
  /** Spec, access and name of one endpoint, as the API has written them. */
  #template: unknown[] = [];

  private constructor(
    stack: AsyncDisposableStack,
    { nats, pool, adminUrl }: { nats: Nats; pool: Pool; adminUrl: string },
  ) {
    this.#stack = stack;
    this.nats = nats;
    this.#pool = pool;
    this.#adminUrl = adminUrl;
  }

  /** Starts it, for at most `clients` requests at once. */
  static async start(clients: number): Promise<BenchRegion> {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startRegionNats());
    const { nats } = stack.use(await startTestRegion({ natsUrl: server.url, apiNatsUrls: [] }));
    const { url, adminUrl } = stack.use(await spawnRegionalApi(await testEnvironment(server.url)));
    const pool = new Pool(url, { connections: clients, pipelining: 1 });
    stack.defer(() => pool.close());
    const region = new BenchRegion(stack.move(), { nats, pool, adminUrl });
    const id = await region.create('template');
    const found = [subjects.spec(id), subjects.access(testVpcId, id), subjects.name('alpha', digest('template'))];
    region.#template = await Promise.all(
      found.map(async (subject) => (await readLast(nats, streams.desired.name, subject))?.body),
    );
    return region;
  }

  /** Creates an endpoint; its id. */
  async create(name: string): Promise<string> {
    const text = await this.#send('POST', collection, JSON.stringify(createBody(name)));
    return /"id":"([0-9a-f-]{36})"/.exec(text)?.[1] ?? '';
  }

  /** Reads what stands on a path below the API's root. */
  get(path: string): Promise<string> {
    return this.#send('GET', path);
  }

  /** What a create stores, without the API: one atomic batch of documents of the same size. */
  async writeRaw(key: string): Promise<void> {
    const [spec, access, name] = this.#template;
    const writes = [
      { subject: subjects.name('raw', digest(key)), body: name, expectedSeq: 0 },
      { subject: subjects.access(testVpcId, `raw-${key}`), body: access, expectedSeq: 0 },
      { subject: subjects.spec(`raw-${key}`), body: spec, expectedSeq: 0 },
    ];
    const outcome = await writeDocuments(this.nats, writes, `raw-${key}`);
    if (outcome.kind !== 'stored') throw new Error(`a raw batch: ${outcome.reason}`);
  }

  /** CPU time that the API has used, milliseconds. */
  async cpuMs(): Promise<number> {
    const text = await (await fetch(`${this.#adminUrl}/metrics`)).text();
    return 1000 * Number(/^process_cpu_seconds_total\S* (\S+)/m.exec(text)?.[1] ?? Number.NaN);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }

  async #send(method: 'GET' | 'POST', path: string, body?: string): Promise<string> {
    const headers = { authorization: `Bearer ${alphaToken}`, 'content-type': 'application/json' };
    const reply = await this.#pool.request({ path, method, headers, ...(body !== undefined && { body }) });
    const text = await reply.body.text();
    if (reply.statusCode >= 300) throw new Error(`${reply.statusCode}: ${text}`);
    return text;
  }
}
