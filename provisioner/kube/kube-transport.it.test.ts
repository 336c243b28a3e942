import { createServer, type RequestListener } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { endAfterEach } from '#shared/testing/started.ts';
import { kinds } from './kinds.ts';
import { KubeClient, type KubeClientOptions } from './kube-client.ts';
import type { CallSeen } from './kube-transport.ts';
import { ScriptedApiServer, faults, pod } from '../testing/scripted-api-server.ts';

const started = endAfterEach();

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  started.defer(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function connect(url: string, options: KubeClientOptions = {}): KubeClient {
  const headers = (): Promise<Record<string, string>> => Promise.resolve({ authorization: 'Bearer secret' });
  return started.keep(new KubeClient({ server: new URL(url), tls: {}, headers }, options));
}

const answerJson =
  (body: object, seen: (url: string, headers: Record<string, unknown>) => void = () => {}): RequestListener =>
  (request, response) => {
    seen(request.url ?? '', request.headers);
    response.end(JSON.stringify(body));
  };

describe('the Kubernetes client against a server that misbehaves', () => {
  const aPod = pod({ name: 'p', value: '1', uid: 'u', version: 1 });
  const target = { namespace: 'test', name: 'p' };

  test('a list whose continue token expired begins anew, a bounded number of times', async () => {
    const server = await started.use(new ScriptedApiServer(() => 0).open());
    for (const name of ['a', 'b', 'c', 'd', 'e']) server.put(name, '1');
    const client = connect(server.url, { pageSize: 2 });
    const first = JSON.stringify({ metadata: { resourceVersion: '7', continue: '2' }, items: [aPod] });
    server.nextLists.push(faults.body(first), faults.status(410, { reason: 'Expired' }));
    expect((await client.list(kinds.pod)).items.map((item) => item.metadata.name)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(server.requests).toHaveLength(2 + 3);
    for (let count = 0; count < 4; count += 1) server.nextLists.push(faults.status(410, { reason: 'Expired' }));
    await expect(client.list(kinds.pod)).rejects.toMatchObject({ status: 410 });
    expect(server.requests).toHaveLength(5 + 4);
  });

  test('credentials that do not come are a Timeout too, for calls and watches, and give way to the signal', async () => {
    const access = { server: new URL('http://127.0.0.1:1'), tls: {}, headers: () => new Promise<never>(() => {}) };
    const client = started.keep(new KubeClient(access, { requestTimeoutMs: 100 }));
    const timeout = { status: 0, reason: 'Timeout' };
    await expect(client.get(kinds.pod, target)).rejects.toMatchObject(timeout);
    const watch = { resourceVersion: '1', timeoutSeconds: 60 };
    await expect(client.watch(kinds.pod, watch).next()).rejects.toMatchObject(timeout);
    const patient = started.keep(new KubeClient(access, { requestTimeoutMs: 60_000 }));
    const signal = AbortSignal.abort('enough');
    await expect(patient.watch(kinds.pod, { ...watch, signal }).next()).rejects.toBe('enough');
  });

  test('an answer that does not come is a Timeout, a missing server is Unreachable, both with status 0', async () => {
    const client = connect(await listen(() => {}), { requestTimeoutMs: 50 });
    await expect(client.get(kinds.pod, target)).rejects.toMatchObject({ status: 0, reason: 'Timeout' });
    await expect(connect('http://127.0.0.1:1').get(kinds.pod, target)).rejects.toMatchObject({
      status: 0,
      reason: 'Unreachable',
    });
  });

  test('an answer that begins and never ends is a Timeout', async () => {
    const client = connect(await listen((_, response) => void response.write('{"metadata":')), {
      requestTimeoutMs: 100,
    });
    await expect(client.get(kinds.pod, target)).rejects.toMatchObject({ status: 0, reason: 'Timeout' });
  });

  test.each([['<html>'], ['{}'], ['[]'], ['null'], ['{"metadata":{}}'], ['']])(
    '%j with status 200 is no object and no list',
    async (body) => {
      const client = connect(await listen((_, response) => void response.end(body)));
      await expect(client.get(kinds.pod, target)).rejects.toMatchObject({ status: 0, reason: 'BadResponse' });
      await expect(client.list(kinds.pod)).rejects.toMatchObject({ status: 0, reason: 'BadResponse' });
    },
  );

  test('an answer above the bound is refused', async () => {
    const client = connect(await listen(answerJson({ ...aPod, spec: 'x'.repeat(5_000) })), { responseBytesMax: 1_000 });
    await expect(client.get(kinds.pod, target)).rejects.toMatchObject({ status: 0 });
  });

  test('Retry-After comes with the error', async () => {
    const server = await started.use(new ScriptedApiServer(() => 0).open());
    server.nextLists.push(faults.status(429, { retryAfter: '7' }), faults.status(503));
    const client = connect(server.url);
    await expect(client.list(kinds.pod)).rejects.toMatchObject({ status: 429, retryAfterMs: 7_000 });
    await expect(client.list(kinds.pod)).rejects.toMatchObject({ status: 503, retryAfterMs: undefined });
  });

  test('giving up rejects with the reason that the caller gave', async () => {
    const client = connect(await listen(() => {}));
    const stop = new AbortController();
    const calls = [client.get(kinds.pod, { ...target }, { signal: stop.signal }), firstEvent(client, stop.signal)];
    const ended = Promise.all(calls.map((call) => expect(call).rejects.toThrow('enough')));
    stop.abort(new Error('enough'));
    await ended;
  });

  test('calls above the bound fail at once and say so', async () => {
    const client = connect(await listen(() => {}), { pendingMax: 2, requestTimeoutMs: 100 });
    const first = [client.get(kinds.pod, target), client.get(kinds.pod, target)].map((call) =>
      call.catch(() => 'timed out'),
    );
    await expect(client.get(kinds.pod, target)).rejects.toMatchObject({ reason: 'TooManyPending' });
    expect(await Promise.all(first)).toEqual(['timed out', 'timed out']);
  });

  test('watches have sockets of their own: hanging ones do not starve a call', async () => {
    const url = await listen((request, response) => {
      if (request.url?.includes('watch=true') === true) response.flushHeaders();
      else response.end(JSON.stringify(aPod));
    });
    const client = connect(url, { connectionsMax: 1 });
    const stop = new AbortController();
    const watches = Array.from({ length: 4 }, () => firstEvent(client, stop.signal).catch(() => 'stopped'));
    expect(await client.get(kinds.pod, target)).toEqual(aPod);
    stop.abort(new Error('enough'));
    expect(await Promise.all(watches)).toEqual(Array.from({ length: 4 }, () => 'stopped'));
  });

  test('sends the token and a request id below the server path, and reports the call', async () => {
    const seen: [string, Record<string, unknown>][] = [];
    const calls: CallSeen[] = [];
    const url = await listen(answerJson(aPod, (path, headers) => seen.push([path, headers])));
    const client = connect(`${url}/clusters/one/`, { newRequestId: () => 'id-1', onCall: (call) => calls.push(call) });
    await client.get(kinds.pod, target);
    expect(seen[0]?.[0]).toBe('/clusters/one/api/v1/namespaces/test/pods/p');
    expect(seen[0]?.[1]).toMatchObject({ authorization: 'Bearer secret', 'audit-id': 'id-1' });
    expect(calls).toMatchObject([{ method: 'GET', status: 200 }]);
  });
});

async function firstEvent(client: KubeClient, signal: AbortSignal): Promise<string> {
  for await (const event of client.watch(kinds.pod, { resourceVersion: '1', timeoutSeconds: 300, signal }))
    return event.type;
  return 'ended';
}
