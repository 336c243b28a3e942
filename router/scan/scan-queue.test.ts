import { describe, expect, test } from 'vitest';
import { chatCompletions } from '../dialects/openai/routes.ts';
import { ScanQueue } from './scan-queue.ts';
import { Scanner } from './scanner.ts';

const turnBytes = 1000;

/** A scanner that says how many bytes it was given. */
class CountingScanner extends Scanner {
  readonly #count: (bytes: number) => void;

  constructor(count: (bytes: number) => void) {
    super(chatCompletions.body);
    this.#count = count;
  }

  override write(chunk: Uint8Array): void {
    this.#count(chunk.length);
    super.write(chunk);
  }
}

/** A queue whose turns come when a test says so. */
function lab() {
  const due: (() => void)[] = [];
  const perTurn: number[] = [];
  const queue = new ScanQueue([], { nextTurn: (act) => due.push(act), turnBytes });
  /** False when none was due. */
  const turn = (): boolean => {
    const act = due.shift();
    perTurn.push(0);
    act?.();
    return act !== undefined;
  };
  const count = (bytes: number): void => void (perTurn[perTurn.length - 1] = (perTurn.at(-1) ?? 0) + bytes);
  return {
    perTurn,
    turn,
    queue,
    open: (pieces: Uint8Array[] = [], endpointId = 'a') => ({
      pieces,
      scan: queue.open(new CountingScanner(count), { endpointId, pieces }),
    }),
  };
}

const bodyOf = (bytes: number): Buffer => Buffer.from(JSON.stringify({ prompt: 'x'.repeat(bytes), model: 'm' }));

describe('bodies are scanned in turns', () => {
  test('of no more than their bytes, whatever the sockets brought', async () => {
    const { perTurn, turn, open } = lab();
    const bodies = [bodyOf(25_000), bodyOf(100), bodyOf(9000), bodyOf(100)].map((body) => {
      const { scan } = open([body.subarray(0, 700), body.subarray(700)]);
      scan.grown();
      return scan.end();
    });
    while (turn());
    expect(Math.max(...perTurn)).toBe(turnBytes);
    expect(perTurn.length).toBeLessThan(40);
    for (const scan of await Promise.all(bodies)) expect(scan).toMatchObject({ ok: true, model: 'm' });
  });

  test('a long one lets the others go first', async () => {
    const { turn, open } = lab();
    const done: string[] = [];
    const ended = ['long', 'short'].map((name, i) => {
      const { scan } = open([bodyOf([50_000, 50][i] ?? 0)]);
      return scan.end().then(() => done.push(name));
    });
    for (let i = 0; i < 3; i++) turn();
    await Promise.resolve();
    expect(done).toEqual(['short']);
    while (turn());
    await Promise.all(ended);
    expect(done).toEqual(['short', 'long']);
  });

  test('which endpoints take: a crowd of one does not keep another waiting', async () => {
    const { turn, open } = lab();
    for (let i = 0; i < 100; i++) open([bodyOf(5000)], 'crowd').scan.grown();
    const { scan } = open([bodyOf(1500)], 'other');
    let isDone = false;
    const ended = scan.end().then(() => (isDone = true));
    for (let i = 0; i < 4; i++) turn();
    await Promise.resolve();
    expect(isDone).toBe(true);
    await ended;
  });

  test('while its pieces come, the last of them growing', async () => {
    const { turn, open } = lab();
    const { pieces, scan } = open();
    const room = Buffer.alloc(100);
    const body = bodyOf(300);
    for (let at = 0; at < body.length; at += 10) {
      const used = at % room.length;
      if (used === 0) pieces.push(Buffer.alloc(0));
      const whole = body.subarray(at - used, Math.min(at + 10, body.length));
      pieces[pieces.length - 1] = whole;
      scan.grown();
      if (at % 30 === 0) turn();
    }
    const ended = scan.end();
    while (turn());
    expect(await ended).toMatchObject({ ok: true, model: 'm', bytes: body.length });
  });

  test('a problem is known before the end, and a body that is given up costs no turn', () => {
    const { perTurn, turn, open, queue } = lab();
    const bad = open([Buffer.from('[]')]);
    const left = open([bodyOf(500)]);
    for (const { scan } of [bad, left]) scan.grown();
    expect(queue.waiting).toBe(2);
    left.scan[Symbol.dispose]();
    expect(queue.waiting).toBe(1);
    turn();
    expect(bad.scan.problem).toMatchObject({ code: 'not_an_object' });
    expect(perTurn).toEqual([2]);
  });

  test('what a scanner throws is thrown to who waits for the end', async () => {
    const queue = new ScanQueue();
    const broken = new CountingScanner(() => {
      throw new Error('broken');
    });
    await expect(queue.open(broken, { endpointId: 'a', pieces: [Buffer.from('{}')] }).end()).rejects.toThrow('broken');
  });
});

test('members that somebody has configured do not count, beside those of the rules', () => {
  const rules = new ScanQueue(['stamp']).rules(chatCompletions.body);
  const [plain, ...others] = [{}, { stamp: '1' }, { stamp: ['2'] }, { cache_control: {} }].map((more) => {
    const scanner = new Scanner(rules);
    scanner.write(Buffer.from(JSON.stringify({ messages: [{ role: 'user', content: [{ text: 'hi', ...more }] }] })));
    const scan = scanner.end();
    return scan.ok && scan.spans[0]?.hashes;
  });
  for (const other of others) expect(other).toEqual(plain);
});
