/**
 * Run: node router/testing/cpu/scanner.bench.ts
 *
 * Prints, per size and shape of body: microseconds of CPU of a scan, of mixing the keys, and of booking them on a replica that
 * has none of them and no room, in turns with xxHash over the same bytes and `JSON.parse` of the same body (`cpu-rounds.ts`);
 * and how much one turn of the event loop scans while four such bodies at a time arrive at a real socket: as they arrive, in
 * whatever pieces the socket brings, beside the same in the queue. Its milliseconds are the turn's bytes at that rate.
 */
import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { globSync, readFileSync } from 'node:fs';
import createXxhash from 'xxhash-wasm';
import { prefixHashes } from '../../scan/prefix-hash.ts';
import { chatCompletions } from '../../dialects/openai/routes.ts';
import { PrefixIndex } from '../../replicas/prefix-index.ts';
import { ScanQueue } from '../../scan/scan-queue.ts';
import type { ScannedBody, ScanProblem } from '../../scan/scanned-body.ts';
import { Scanner } from '../../scan/scanner.ts';
import { cpuRounds } from './cpu-rounds.ts';

const chunkBytes = 65_536;
const sizes: Record<string, number> = { '64 KB': 64_000, '400 KB': 400_000, '4 MB': 4_000_000 };
/** Few long or many short messages. */
const shapes: Record<string, number> = { '2 KB messages': 2000, '200 B messages': 200 };
/** Real code: one line said again and again is one that a processor learns to foresee. */
const code = globSync('router/{forward,pick,request}/*.ts', { cwd: `${import.meta.dirname}/../../..` })
  .toSorted()
  .map((file) => readFileSync(`${import.meta.dirname}/../../../${file}`, 'utf8'))
  .join('');
const xxhash = await createXxhash();

for (const [size, bytes] of Object.entries(sizes)) {
  for (const [shape, messageBytes] of Object.entries(shapes)) {
    const body = bodyOf(messageBytes, bytes);
    const result = scan(body);
    if (!result.ok) throw new Error(`the bench body was refused: ${result.code}`);
    const micros = await cpuRounds({
      scan: () => scan(body),
      keys: () => prefixHashes(result, { cacheNamespace: 'bench', model: 'bench' }),
      booked: booking(result),
      xxhash: () => xxhash.h64Raw(body),
      parse: () => JSON.parse(body.toString()),
    });
    const shown = (turns: number[]): string => {
      const sorted = turns.toSorted((a, b) => a - b);
      const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
      const msOf = (share: number): string => ((at(share) * micros.scan) / body.length / 1000).toFixed(2);
      return [0.5, 0.99, 1].map((share) => `${at(share)} B ${msOf(share)} ms`).join(', ');
    };
    const ratio = ((micros.scan + micros.keys) / micros.parse).toFixed(2);
    process.stdout.write(
      `${size}, ${shape}: ${Object.entries(micros)
        .map(([name, value]) => `${name} ${value.toFixed(1)} µs`)
        .join(', ')}; scan and keys are ${ratio} of JSON.parse\n` +
        `  one turn (p50, p99, longest) as it arrives: ${shown(await turnsOf(body, false))}\n` +
        `  one turn (p50, p99, longest) in the queue:  ${shown(await turnsOf(body, true))}\n`,
    );
  }
}

function scan(bytes: Buffer): ScannedBody | ScanProblem {
  const scanner = new Scanner(chatCompletions.body);
  for (let at = 0; at < bytes.length; at += chunkBytes) scanner.write(bytes.subarray(at, at + chunkBytes));
  return scanner.end();
}

/** Bytes that each turn of the event loop scans while such bodies arrive, four at a time. */
async function turnsOf(body: Buffer, isQueued: boolean): Promise<number[]> {
  const turns: number[] = [];
  let turn = 0;
  const count = (bytes: number): void => {
    if (turn === 0) setImmediate(() => (turns.push(turn), (turn = 0)));
    turn += bytes;
  };
  const queue = new ScanQueue();
  const server = createServer((incoming, outgoing) => {
    const pieces: Buffer[] = [];
    const scanner = countedScanner(count);
    const queued = queue.open(scanner, { endpointId: 'a', pieces });
    incoming.on('data', (piece: Buffer) => {
      pieces.push(piece);
      if (isQueued) queued.grown();
      else scanner.write(piece);
    });
    incoming.on('end', () => void Promise.resolve(isQueued ? queued.end() : scanner.end()).then(() => outgoing.end()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const posts = Math.max(10, 20_000_000 / body.length);
  for (let round = 0; round < posts; round++) await Promise.all([1, 2, 3, 4].map(() => post(port, body)));
  server.close();
  return turns;
}

function countedScanner(count: (bytes: number) => void): Scanner {
  const scanner = new Scanner(chatCompletions.body);
  const write = scanner.write.bind(scanner);
  return Object.assign(scanner, { write: (chunk: Uint8Array): void => (count(chunk.length), write(chunk)) });
}

async function post(port: number, body: Buffer): Promise<void> {
  const headers = { 'content-length': body.length };
  const request = httpRequest({ port, host: '127.0.0.1', method: 'POST', headers, agent: false });
  request.end(body);
  const [response] = await once(request, 'response');
  response.resume();
  await once(response, 'end');
}

/** Books prompts that share nothing with any before, on a replica whose mirror holds as many blocks as it may. */
function booking(scan: ScannedBody): () => unknown {
  const index = new PrefixIndex(() => 0);
  index.setReplicas(new Map([['replica', Infinity]]));
  const prompts = Array.from({ length: 1 + Math.ceil(131_072 / blocksOf(scan)) }, (_, conversation) =>
    prefixHashes(scan, { cacheNamespace: String(conversation), model: 'bench' }),
  );
  for (const prompt of prompts) index.insert('replica', prompt);
  let next = 0;
  return () => index.insert('replica', known(prompts[next++ % prompts.length]));
}

function blocksOf({ spans }: ScannedBody): number {
  return spans.reduce((sum, { hashes }) => sum + hashes.length, 0);
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('there is no prompt');
  return value;
}

function bodyOf(messageBytes: number, bytes: number): Buffer {
  const messages = [];
  for (let at = 0, sum = 0; sum < bytes; at = (at + messageBytes) % (code.length - messageBytes)) {
    const content = code.slice(at, at + messageBytes);
    messages.push({ role: messages.length % 2 === 0 ? 'user' : 'assistant', content });
    sum += JSON.stringify(content).length;
  }
  return Buffer.from(JSON.stringify({ model: 'bench', stream: true, messages }));
}
