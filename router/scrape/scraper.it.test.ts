import { createServer, type RequestListener, type Server } from 'node:http';
import { once } from 'node:events';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { PoolDocument } from '#shared/contract/replica.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { poolDocument, replicaAt } from '#shared/testing/documents.ts';
import { eventually } from '#shared/testing/eventually.ts';
import type { LedgerChannel } from '../ledger/ledger-channel.ts';
import type { Scraped } from '../pick/brain.ts';
import { FleetLooks } from './fleet-looks.ts';
import { Scraper, scrapeFailure } from './scraper.ts';

const everyMs = 100;
const metrics = 'vllm:num_requests_running 3\nvllm:num_requests_waiting 2\nvllm:kv_cache_usage_perc 0.25\n';

async function serve(listener: RequestListener): Promise<Server & AsyncDisposable> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(server, {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
    },
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const unheard: LedgerChannel = {
  publish: () => {},
  rowChanged: () => {},
  subscribe: () => () => {},
  up: () => true,
  [Symbol.asyncDispose]: () => Promise.resolve(),
};

/** Looks at one replica, and keeps what was found, counted and logged. */
function watch(port: number, isSuspect = false) {
  const pool: PoolDocument = poolDocument({ replicas: [replicaAt(port)] });
  const found: Scraped[] = [];
  const counts = new Map<string, number>();
  const lines: string[] = [];
  const alone = { router: 'a', peers: () => [], doubts: () => false, heard: () => {}, channel: unheard };
  const scraper = new Scraper({
    pools: () => [pool],
    everyMs,
    looks: new FleetLooks({ ...alone, everyMs, clock: systemClock }),
    cacheNews: () => undefined,
    scraped: (result) => found.push(result),
    isSuspect: () => isSuspect,
    counted: (result) => counts.set(result, (counts.get(result) ?? 0) + 1),
    clock: systemClock,
    log: pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) }),
  });
  return { pool, found, counts, lines, scraper, [Symbol.asyncDispose]: () => scraper[Symbol.asyncDispose]() };
}

describe('the scraper', () => {
  it('shows the pool’s key, and reads what an engine tells only to its friends', async () => {
    const keys = new Set<string | undefined>();
    await using server = await serve((request, response) => {
      keys.add(request.headers.authorization);
      response.end(request.url === '/metrics' ? metrics : '');
    });
    await using watched = watch(portOf(server));
    await eventually(() => expect(watched.found.length).toBeGreaterThan(1));
    expect(watched.found.at(-1)).toMatchObject({
      health: 'healthy',
      signals: { running: 3, waiting: 2, kvUse: 0.25 },
      replica: watched.pool.replicas[0],
    });
    expect([...keys]).toEqual([`Bearer ${watched.pool.upstreamKey}`]);
  });

  it('counts each refusal of its key and says it once', async () => {
    await using server = await serve((request, response) => {
      response.statusCode = request.url === '/metrics' ? 401 : 200;
      response.end();
    });
    await using watched = watch(portOf(server));
    await eventually(() => expect(watched.counts.get('denied')).toBeGreaterThan(2));
    expect(watched.lines).toHaveLength(1);
    expect(watched.lines[0]).toContain('scrape.denied');
    expect(watched.lines[0]).not.toContain(watched.pool.upstreamKey);
    expect(watched.found.at(-1)).toMatchObject({ health: 'healthy', signals: {} });
  });

  it('asks a suspect for its key where every engine wants one, and nobody else', async () => {
    const asked = new Set<string | undefined>();
    await using server = await serve((request, response) => {
      asked.add(request.url);
      response.statusCode = request.url === '/v1/models' ? 401 : 200;
      response.end();
    });
    await using well = watch(portOf(server));
    await eventually(() => expect(well.found.at(-1)?.denied).toBe(false));
    expect(asked).toEqual(new Set(['/health', '/metrics']));
    await using suspect = watch(portOf(server), true);
    await eventually(() => expect(suspect.found.at(-1)?.denied).toBe(true));
  });

  it('tells silence from refusal, sickness and health', async () => {
    let answer: RequestListener = () => {};
    await using server = await serve((request, response) => answer(request, response));
    await using watched = watch(portOf(server));
    await eventually(() => expect(watched.found.at(-1)?.health).toBe('silent'));
    answer = (_, response) => void response.writeHead(503).end();
    await eventually(() => expect(watched.found.at(-1)?.health).toBe('unhealthy'));
    answer = (_, response) => void response.writeHead(404).end();
    await eventually(() => expect(watched.found.at(-1)?.health).toBe('healthy'));
    await server[Symbol.asyncDispose]();
    await eventually(() => expect(watched.found.at(-1)?.health).toBe('refused'));
  });

  it.each([
    ['ECONNREFUSED', 'refused'],
    ['UND_ERR_HEADERS_TIMEOUT', 'silent'],
    ['EHOSTUNREACH', 'silent'],
    ['EMFILE', 'unknown'],
    ['ENFILE', 'unknown'],
    ['ENOBUFS', 'unknown'],
    ['EADDRNOTAVAIL', 'unknown'],
  ])('takes %s for %s: what this machine lacks says nothing of a replica', (code, result) => {
    expect(scrapeFailure(Object.assign(new Error(code), { code }))).toBe(result);
  });
});
