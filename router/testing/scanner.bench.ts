/**
 * Run: node router/testing/scanner.bench.ts
 *
 * Prints, per size and shape of body: MB/s of one thread, what mixing the keys costs, and what booking them costs on a
 * replica that has none of them and no room (best of many rounds: others on the machine do not count), and how much one turn of the event loop scans while four such bodies at a time arrive at a real
 * socket: as they arrive, in whatever pieces the socket brings, beside the same in the queue. Its milliseconds are the turn's
 * bytes at that rate.
 */
import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { prefixHashes } from '../scan/prefix-hash.ts';
import { chatCompletions } from '../dialects/openai/routes.ts';
import { PrefixIndex } from '../replicas/prefix-index.ts';
import { ScanQueue } from '../scan/scan-queue.ts';
import type { ScannedBody, ScanProblem } from '../scan/scanned-body.ts';
import { Scanner } from '../scan/scanner.ts';

const chunkBytes = 65_536;
const rounds = 100;
const code = 'if (a < b) {\n\treturn "x" + \'\\\\\';\n}\n';
const prose = 'The quick brown fox jumps over the lazy dog and goes on for a while. ';
const sizes: Record<string, number> = { '64 KB': 64_000, '400 KB': 400_000, '4 MB': 4_000_000 };
/** Few long or many short messages, code (an escape every dozen bytes) or prose. */
const shapes: Record<string, [text: string, messageBytes: number]> = {
  'prose, 2 KB messages': [prose, 2000],
  'code, 2 KB messages': [code, 2000],
  'code, 200 B messages': [code, 200],
};

for (const [size, bytes] of Object.entries(sizes)) {
  for (const [shape, [text, messageBytes]] of Object.entries(shapes)) {
    const body = bodyOf(text.repeat(Math.ceil(messageBytes / text.length)), bytes);
    const result = scan(body);
    if (!result.ok) throw new Error(`the bench body was refused: ${result.code}`);
    const bytesPerMs = body.length / best(() => () => scan(body));
    const keysMs = best(() => () => prefixHashes(result, { cacheNamespace: 'bench', model: 'bench' }));
    const bookedMs = best(booking(result));
    const shown = (turns: number[]): string => {
      const sorted = turns.toSorted((a, b) => a - b);
      const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
      return [0.5, 0.99, 1].map((share) => `${at(share)} B ${(at(share) / bytesPerMs).toFixed(2)} ms`).join(', ');
    };
    process.stdout.write(
      `${size}, ${shape}: ${(bytesPerMs / 1000).toFixed(0)} MB/s, keys ${keysMs.toFixed(3)} ms, booked ${bookedMs.toFixed(3)} ms\n` +
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

/** Books a prompt that shares nothing with any before, on a replica whose mirror holds as many blocks as it may. */
function booking(scan: ScannedBody): () => () => unknown {
  const index = new PrefixIndex();
  index.setReplicas(new Map([['replica', Infinity]]));
  let conversation = 0;
  const next = (): (() => unknown) => {
    const prompt = prefixHashes(scan, { cacheNamespace: String(conversation++), model: 'bench' });
    return () => index.insert('replica', prompt);
  };
  while (index.size().blocks < 65_536) next()();
  return next;
}

/** Milliseconds of the fastest call of what `prepare` gives. */
function best(prepare: () => () => unknown): number {
  let least = Infinity;
  for (let round = 0; round < rounds; round++) {
    const act = prepare();
    const start = performance.now();
    act();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

function bodyOf(content: string, bytes: number): Buffer {
  const messages = [];
  for (let sum = 0; sum < bytes; sum += JSON.stringify(content).length)
    messages.push({ role: messages.length % 2 === 0 ? 'user' : 'assistant', content });
  return Buffer.from(JSON.stringify({ model: 'bench', stream: true, messages }));
}
