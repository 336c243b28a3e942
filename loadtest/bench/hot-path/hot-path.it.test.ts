import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { startProcess } from './bench-process.ts';
import { cells } from './cells.ts';
import { compare } from './compare.ts';
import { findNginx } from './targets.ts';
import { report } from './report.ts';

test.each([false, true])(
  'a tiny round measures every target that there is, and tells it (TLS: %s)',
  async (tls) => {
    const runs = await compare({ rounds: 1, seed: 1, redis: false, tls, tiny: true });
    const targets = ['Node alone', 'Fairway', ...((await findNginx()) === undefined ? [] : ['nginx'])];
    for (const cell of cells)
      for (const target of targets) {
        const measured = runs.find((run) => run.cell === cell && run.target === target)?.measured;
        expect(measured?.cpu).toBeGreaterThan(0);
        expect(measured?.ttftMs.length).toBeGreaterThan(0);
      }
    const text = await report(runs, []);
    for (const { name } of cells.filter(({ isAlone }) => isAlone !== true))
      expect(text).toContain(`| ${name} | Fairway | `);
  },
  60_000,
);

test('a conversation begins with its first turn, and grows', async () => {
  const lengths: number[] = [];
  await using server = createServer((incoming, outgoing) => {
    lengths.push(Number(incoming.headers['content-length']));
    incoming.resume().once('end', () => {
      outgoing.write('data: {"content":" token"}\n\n');
      outgoing.end('data: [DONE]\n\n');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const job = { port, token: 'none', tls: false, connections: 1, requests: 8, bodyBytes: 4000, chunks: 1, seed: 1 };
  await using load = startProcess('load', job);
  await load.hear();
  load.say('go');
  await load.hear();
  expect(lengths).toHaveLength(8);
  expect(lengths).toEqual(lengths.toSorted((a, b) => a - b));
});
