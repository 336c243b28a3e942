import { expect, it } from 'vitest';
import { Dealer } from 'zeromq';
import { freePort } from '#shared/runtime/http/free-port.ts';
import { silentLogger } from '#shared/runtime/log.ts';
import { endAfterEach } from '#shared/testing/started.ts';
import { KubeHttp } from '../client/kube-http.ts';
import { readClusterConfig } from '../config.ts';
import { startCluster } from '../service.ts';
import { fieldRef, podsPath, readyPod, webPod } from '../testing/stand-in-pod.ts';

const started = endAfterEach();

it('lets a simulated replica publish KV events at the address of its pod, by the flag of vLLM', async () => {
  const cluster = await started.use(startCluster(readClusterConfig({}), { log: silentLogger(), kubelet: {} }));
  const kube = started.keep(new KubeHttp(cluster));
  const [port, replayPort] = [await freePort(), await freePort()];
  const config = { endpoint: `tcp://*:${port}`, replay_endpoint: `tcp://*:${replayPort}` };
  const probe = { httpGet: { path: '/health', port: 8000 }, periodSeconds: 1 };
  const pod = webPod('sim', {
    image: 'fairway/sim:1',
    ports: [{ containerPort: 8000 }, { name: 'kv-events', containerPort: port }],
    env: [
      { name: 'POD_IP', ...fieldRef('status.podIP') },
      { name: 'FAIRWAY_SIM_PORT', ...fieldRef("metadata.annotations['fairway.dev/pod-port']") },
    ],
    args: ['--host', '$(POD_IP)', '--model', 'm', `--kv-events-config=${JSON.stringify(config)}`],
    startupProbe: { ...probe, failureThreshold: 30 },
    readinessProbe: probe,
  });
  expect((await kube.send('POST', podsPath, { body: pod })).code).toBe(201);
  const { url } = await readyPod(kube, 'sim');
  const body = JSON.stringify({ model: 'm', prompt: 'a story '.repeat(100), max_tokens: 1 });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/v1/completions`, { method: 'POST', headers, body });
  expect(answer.status).toBe(200);
  await answer.text();
  const dealer = new Dealer({ linger: 0, receiveTimeout: 20_000 });
  started.defer(() => dealer.close());
  dealer.connect(`tcp://${new URL(url).hostname}:${replayPort}`);
  await dealer.send(['', Buffer.alloc(8)]);
  const [, topic, sequence, payload] = await dealer.receive();
  expect([String(topic), sequence?.readBigUInt64BE(), payload?.includes('BlockStored')]).toEqual(['', 0n, true]);
});
