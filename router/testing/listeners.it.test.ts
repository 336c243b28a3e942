import { writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, issueCertificate } from '#shared/runtime/tls/certificates.ts';
import type { TlsIdentity } from '#shared/runtime/tls/tls-files.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { endAfterAll } from '#shared/testing/started.ts';
import type { Router } from '../service.ts';
import { startEdge, type Edge, type EdgeEndpoint } from './router-fixture.ts';
import { answerJson, startScriptedUpstream } from './scripted-upstream.ts';

const dayMs = 86_400_000;
const completion = answerJson(200, { id: 'x', choices: [{ message: { content: 'hi' }, finish_reason: 'stop' }] });

describe('a router with a public and a private listener, both with TLS', () => {
  const started = endAfterAll();
  let edge: Edge;
  let endpoints: EdgeEndpoint[];
  let router: Router;
  let authority: TlsIdentity;
  const files = (): { cert: string; key: string } => ({
    cert: join(edge.stateDir, 'cert.pem'),
    key: join(edge.stateDir, 'key.pem'),
  });
  const renew = async (): Promise<string> => {
    const hosts = endpoints.flatMap(({ access }) => [access.hosts.public ?? '', access.hosts.private]);
    const { cert, key } = await issueCertificate(authority, hosts, { now: Date.now(), lifetimeMs: dayMs });
    await writeFile(files().key, key);
    await writeFile(files().cert, cert);
    return cert;
  };

  beforeAll(async () => {
    edge = await started.use(startEdge());
    const upstream = await started.use(startScriptedUpstream(completion));
    endpoints = [await edge.addEndpoint([upstream.port]), await edge.addEndpoint([upstream.port])];
    authority = await createAuthority('Fairway test', { now: Date.now(), lifetimeMs: dayMs });
    await renew();
    router = await started.use(
      edge.startRouter({
        env: {
          FAIRWAY_PRIVATE_PORT: '0',
          FAIRWAY_TLS_CERT_FILE: files().cert,
          FAIRWAY_TLS_KEY_FILE: files().key,
          FAIRWAY_PRIVATE_TLS_CERT_FILE: files().cert,
          FAIRWAY_PRIVATE_TLS_KEY_FILE: files().key,
          FAIRWAY_TLS_RELOAD_MS: '100',
        },
      }),
    );
  });

  /** One completion, as a client that trusts the authority alone asks for it. */
  const ask = async (url: string, host: string, { token, agent }: { token: string; agent?: Agent }) => {
    const sent = request(`${url}/v1/chat/completions`, {
      method: 'POST',
      ca: authority.cert,
      servername: host,
      headers: { host, authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(agent && { agent }),
    });
    sent.end(JSON.stringify({ model: 'test-model', messages: [{ role: 'user', content: 'hi' }] }));
    const [reply] = (await once(sent, 'response')) as [IncomingMessage];
    const { socket } = reply;
    const serial = socket instanceof TLSSocket ? socket.getPeerCertificate().serialNumber : '';
    for await (const _ of reply);
    return { status: reply.statusCode, serial };
  };

  it('answers a token at its endpoint’s own names, each at its listener, and nowhere else', async () => {
    const sides = ['public', 'private'] as const;
    const asked = [0, 1].flatMap((from) =>
      [0, 1].flatMap((to) => sides.flatMap((name) => sides.map((listener) => ({ from, to, name, listener })))),
    );
    const seen: string[] = [];
    for (const { from, to, name, listener } of asked) {
      const url = listener === 'public' ? router.url : router.privateUrl;
      const { status } = await ask(url, endpoints[to]?.access.hosts[name] ?? '', {
        token: endpoints[from]?.token ?? '',
      });
      if (status !== 401) seen.push(`${from}→${to} ${name} at ${listener}: ${status}`);
    }
    expect(seen).toEqual([
      '0→0 public at public: 200',
      '0→0 private at private: 200',
      '1→1 public at public: 200',
      '1→1 private at private: 200',
    ]);
  });

  it('takes a new certificate over without losing a connection', async () => {
    const [{ token, access }] = endpoints as [EdgeEndpoint];
    const host = access.hosts.private;
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const before = await ask(router.privateUrl, host, { token, agent });
    await renew();
    await eventually(async () => {
      const { status, serial } = await ask(router.privateUrl, host, { token, agent: new Agent() });
      expect([status, serial === before.serial]).toEqual([200, false]);
    });
    expect(await ask(router.privateUrl, host, { token, agent })).toEqual(before);
    agent.destroy();
  });

  it('keeps its certificate while the files do not fit together, and says so', async () => {
    const [{ token, access }] = endpoints as [EdgeEndpoint];
    await writeFile(files().cert, 'no certificate');
    await eventually(async () => {
      const metrics = await (await fetch(`${router.adminUrl}/metrics`)).text();
      expect(metrics).toMatch(/certificate_reloads_total\{.*result="failed".*\} [1-9]/);
    });
    expect(await ask(router.url, access.hosts.public ?? '', { token })).toMatchObject({ status: 200 });
  });
});

it.each([
  ['FAIRWAY_TLS_CERT_FILE', '/nowhere', 'belong together'],
  ['FAIRWAY_PRIVATE_TLS_KEY_FILE', '/nowhere', 'belong together'],
])('a router with %s alone does not start', async (name, file, reason) => {
  await using edge = await startEdge();
  await expect(edge.startRouter({ env: { [name]: file } })).rejects.toThrow(reason);
});
