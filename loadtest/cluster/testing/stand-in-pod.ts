import { readFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { at, type JsonObject } from '../objects/object.ts';
import type { KubeHttp } from '../client/kube-http.ts';

/** A server of a few lines: /env tells its environment, /exit?code=3 ends it, `deaf` as argument ignores SIGTERM. */
const script = `
const { exit } = process;
const deaf = process.argv.includes('deaf');
if (process.argv.includes('crash')) exit(7);
process.on('SIGTERM', () => { console.log('asked to end'); if (!deaf) exit(0); });
require('http').createServer((q, r) => {
  if (q.url.startsWith('/exit')) exit(3);
  if (q.url === '/health' && q.headers['x-probe'] !== 'yes') { r.statusCode = 500; return r.end(); }
  r.end(JSON.stringify({ env: process.env, argv: process.argv.slice(1) }));
}).listen(Number(process.env.PORT), process.env.POD_IP);
`;
export const standIn = { 'test/web': ['{node}', '-e', script, '--'] };

const probe = {
  httpGet: { path: '/health', port: 8000, httpHeaders: [{ name: 'x-probe', value: 'yes' }] },
  periodSeconds: 1,
};
export const fieldRef = (fieldPath: string): object => ({ valueFrom: { fieldRef: { fieldPath } } });

export const webPod = (name: string, container: object = {}, spec: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: {
    terminationGracePeriodSeconds: 10,
    containers: [
      {
        name: 'web',
        image: 'test/web:1',
        ports: [{ containerPort: 8000 }],
        env: [
          { name: 'POD_IP', ...fieldRef('status.podIP') },
          { name: 'PORT', ...fieldRef("metadata.annotations['fairway.dev/pod-port']") },
          { name: 'KEY', valueFrom: { secretKeyRef: { name: 'keys', key: 'upstream' } } },
          { name: 'WHERE', value: '$(POD_IP):$(PORT)' },
        ],
        args: ['--at', '$(WHERE)', '$$(WHERE)'],
        startupProbe: { ...probe, failureThreshold: 30 },
        readinessProbe: probe,
        ...container,
      },
    ],
    ...spec,
  },
});

export const podsPath = '/api/v1/namespaces/default/pods';

export async function alive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''));
  } catch {
    return false;
  }
}

export async function readyPod(kube: KubeHttp, name: string): Promise<{ pod: JsonObject; pid: number; url: string }> {
  return eventually(async () => {
    const { body: pod } = await kube.send('GET', `${podsPath}/${name}`);
    const statuses = at(pod, 'status', 'containerStatuses');
    expect(Array.isArray(statuses) && statuses[0]).toMatchObject({ ready: true, started: true });
    const annotations = at(pod, 'metadata', 'annotations');
    const port = Number(at(annotations, 'fairway.dev/pod-port'));
    const pid = Number(at(annotations, 'fairway.dev/pid'));
    expect(pid).toBeGreaterThan(0);
    return { pod, pid, url: `http://${String(at(pod, 'status', 'podIP'))}:${port}` };
  });
}
