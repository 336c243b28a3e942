/** Run: node router/testing/scanner.bench.ts. Prints MB/s of one thread, best of several rounds, per shape of body. */
import { prefixHashes } from '../scan/prefix-hash.ts';
import { chatCompletions } from '../dialects/openai/routes.ts';
import type { ScannedBody, ScanProblem } from '../scan/scanned-body.ts';
import { Scanner } from '../scan/scanner.ts';

const bodyBytes = 450_000;
const chunkBytes = 65_536;
const rounds = 12;
const scansPerRound = 20;

const code = 'if (a < b) {\n\treturn "x" + \'\\\\\';\n}\n';
const prose = 'The quick brown fox jumps over the lazy dog and goes on for a while. ';

/** Bodies of about 450 KB: few long or many short messages, code (an escape every dozen bytes) or prose. */
const shapes: Record<string, Buffer> = {
  'prose, 2 KB messages': body(prose, 2000),
  'code, 2 KB messages': body(code, 2000),
  'code, 20 KB messages': body(code, 20_000),
  'code, 200 B messages': body(code, 200),
};

for (const [shape, bytes] of Object.entries(shapes)) {
  const scanMs = best(() => scan(bytes));
  const result = scan(bytes);
  if (!result.ok) throw new Error(`the bench body was refused: ${result.code}`);
  const keysMs = best(() => prefixHashes(result, { cacheNamespace: 'bench', model: 'bench' }));
  const blocks = result.spans.reduce((sum, span) => sum + span.hashes.length, 0);
  const rate = (bytes.length / scanMs / 1000).toFixed(0);
  process.stdout.write(
    `${shape}: ${rate} MB/s, ${scanMs.toFixed(2)} ms, ${blocks} blocks, keys ${keysMs.toFixed(3)} ms\n`,
  );
}

function scan(bytes: Buffer): ScannedBody | ScanProblem {
  const scanner = new Scanner(chatCompletions.body);
  for (let at = 0; at < bytes.length; at += chunkBytes) scanner.write(bytes.subarray(at, at + chunkBytes));
  return scanner.end();
}

function best(act: () => unknown): number {
  let least = Infinity;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    for (let i = 0; i < scansPerRound; i++) act();
    least = Math.min(least, (performance.now() - start) / scansPerRound);
  }
  return least;
}

function body(text: string, messageBytes: number): Buffer {
  const content = text.repeat(Math.ceil(messageBytes / text.length));
  const messages = [];
  for (let bytes = 0; bytes < bodyBytes; bytes += JSON.stringify(content).length) {
    messages.push({ role: messages.length % 2 === 0 ? 'user' : 'assistant', content });
  }
  return Buffer.from(JSON.stringify({ model: 'bench', stream: true, messages }));
}
