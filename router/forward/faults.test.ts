import { describe, expect, it } from 'vitest';
import { createTestClock, type TestClock } from '#shared/testing/test-clock.ts';
import { anthropic } from '../dialects/anthropic/routes.ts';
import { openAi } from '../dialects/openai/routes.ts';
import type { MoveReason } from '../pick/picker.ts';
import type { SlotEnd } from '../replicas/slot-end.ts';
import { faultTable, sourceOf } from '../testing/fault-table.ts';
import { startForward, type ForwardBench } from '../testing/forward-bench.ts';
import type { UpstreamStep } from '../testing/memory-upstream.ts';
import { voices, type Voice } from '../testing/voices.ts';

type Stream = NonNullable<Voice['stream']>;

/** What an engine sends where a row's phase has led, and what happens meanwhile. */
interface Script {
  readonly steps: readonly UpstreamStep[];
  readonly act?: (bench: ForwardBench, clock: TestClock) => Promise<void>;
}

const json = 'application/json';
const end: UpstreamStep = { end: true };
const wait: UpstreamStep = { wait: true };
const says = (status: number, body: string, type = json): Script => ({
  steps: [{ head: status, type }, ...(body === '' ? [] : [{ data: body }]), end],
});
const tells = (message: string, code: number): Script => ({
  steps: [{ data: `data: ${JSON.stringify({ error: { message, code } })}\n\n` }, { data: 'data: [DONE]\n\n' }, end],
});
const silence = (seconds: number): Script => ({
  steps: [wait],
  act: (_, clock) => clock.advance(seconds * 1000),
});
const comments = (seconds: number, comment: string): Script => ({
  steps: [wait, { data: comment }, wait],
  async act({ upstream }, clock) {
    await clock.advance(seconds * 1000 - 1000);
    upstream.sent.at(-1)?.release();
    await clock.advance(1001);
  },
});
const moved = (reason: MoveReason): Script => ({
  steps: [wait],
  async act({ booked }, clock) {
    await clock.advance(1);
    booked[0]?.move(reason);
  },
});

/** The words of the third column. */
function scriptsOf({ finish = '', comment = '' }: Partial<Stream>): Readonly<Record<string, Script>> {
  const good = { head: 200, type: json };
  return {
    connect: { steps: [{ fail: 'connect' }] },
    'old reset': { steps: [{ fail: 'reset', reusedSocket: true }] },
    local: { steps: [{ fail: 'local' }] },
    reset: { steps: [{ fail: 'reset' }] },
    protocol: { steps: [{ fail: 'protocol' }] },
    end: { steps: [end] },
    'half, reset': { steps: [good, { data: '{"id":' }, { fail: 'reset' }] },
    'half, end': { steps: [good, { data: '{"id":' }, end] },
    'much, reset': { steps: [good, { data: 'x'.repeat(2 ** 20 + 1) }, { fail: 'reset' }] },
    'nothing, end': { steps: [good, end] },
    'half event, reset': { steps: [{ data: 'data: {"choi' }, { fail: 'reset' }] },
    'finish, reset': { steps: [{ data: finish }, { fail: 'reset' }] },
    'finish, end': { steps: [{ data: finish }, end] },
    '[DONE], end': { steps: [{ data: 'data: [DONE]\n\n' }, end] },
    'no JSON, end': { steps: [{ data: 'data: Internal Server Error\n\n' }, end] },
    '20 s of silence': silence(20),
    '60 s of silence': silence(60),
    '100 s of silence': silence(100),
    '20 s of comments': comments(20, comment),
    '60 s of comments': comments(60, comment),
    'silence, late': moved('late'),
    'silence, stalled': moved('stalled'),
    'silence, refused': moved('refused'),
    'error 500': tells('core is dead', 500),
    'error 429': tells('slow down', 429),
    'error 400': tells('too long', 400),
    'told 500': says(200, '{"error":{"message":"core is dead","code":500}}'),
    page: says(200, '<p>', 'text/html'),
    '500 object': says(500, '{"error":{"message":"after shutdown","code":500}}'),
    '500 string': says(500, '{"error":"after shutdown"}'),
    '500 detail': says(500, '{"detail":[{"msg":"after shutdown"}]}'),
    '500 text': says(500, 'after shutdown', 'text/plain'),
    '503': says(503, '{"error":{"message":"loading","code":503}}'),
    '429': says(429, '{"error":{"message":"slow down"}}'),
    '401': says(401, '{"error":"Unauthorized"}'),
    '422': says(422, '{"detail":"no such thing"}'),
    '417': says(417, ''),
    '422, silence': { ...silence(2), steps: [{ head: 422, type: json }, { data: '{"detail":"no such' }, wait] },
  };
}

/** The words of the last column. */
const healthWords: Readonly<Record<string, SlotEnd['kind'] | `failed ${string}`>> = {
  'it works': 'answered',
  nothing: 'left',
  'nothing: it is busy': 'refused',
  'a fault': 'faulted',
  'out until a good look': 'failed connect',
  'out while looks are refused, too': 'failed unauthorized',
};

const faults = faultTable('fault | phase | sends | its client gets | if all do so | its health sees');
const others = faultTable('fault | what is right | test');
const cases = faults.flatMap(([fault = '', phase = '', sends = '', client = '', all = '', health = '']) =>
  voices()
    .filter(({ stream }) => phase === 'whole' || stream !== undefined)
    .filter(({ stream }) => !sends.includes('finish') || stream?.finish !== undefined)
    .map((voice) => ({
      fault,
      phase,
      client,
      health,
      voice,
      route: voice.dialect.name,
      sends: sends.replaceAll('`', ''),
      all: all.replaceAll(/[`"]/g, ''),
    })),
);
type Case = (typeof cases)[number];

function goodOf({ voice: { stream, whole }, phase }: Case): { steps: UpstreamStep[]; text: string } {
  if (phase === 'whole' || stream === undefined)
    return { steps: [{ head: 200, type: json }, { data: whole }, end], text: whole };
  const text = stream.opening + stream.text + (stream.finish ?? '') + stream.mark;
  return { steps: [{ head: 200 }, { data: text }, end], text };
}

/** What the client has before the fault, and what the engine has sent for it. */
function beforeOf({ voice: { stream }, phase }: Case): { steps: UpstreamStep[]; text: string } {
  const { opening = '', text = '' } = stream ?? {};
  if (phase === 'head') return { steps: [{ head: 200 }, { data: opening }], text: '' };
  if (phase === 'content') return { steps: [{ head: 200 }, { data: opening + text }], text: opening + text };
  return { steps: [], text: '' };
}

async function play(one: Case, others: Readonly<Record<string, readonly UpstreamStep[]>> = {}): Promise<ForwardBench> {
  const { voice, phase, sends } = one;
  const script = scriptsOf(voice.stream ?? {})[sends];
  if (script === undefined) throw new Error(`faults.test.ts does not know what "${sends}" is`);
  const failing = [...beforeOf(one).steps, ...script.steps];
  const scripts = {
    a: sends === 'old reset' ? [failing, goodOf(one).steps] : failing,
    ...(Object.keys(others).length > 0 ? others : { b: failing }),
  };
  const clock = createTestClock();
  const streamed = phase !== 'whole';
  const body = JSON.stringify({ ...voice.body, stream: streamed });
  const bench = startForward({ scripts, clock, streamed, dialect: voice.dialect, body });
  // Twice: the second replica may do the same.
  for (let times = 0; times < 2; times += 1) await (script.act ?? (() => clock.advance(1)))(bench, clock);
  await clock.advance(60_000);
  await bench.outcome;
  return bench;
}

const text = ({ outgoing }: ForwardBench): string => outgoing.text.replaceAll(': keep-alive\n\n', '');
const errorEvent = /^(data: \{"error"|event: (error|response\.failed)\n)/;

describe('what the client and the replica’s health see of a fault', () => {
  it.each(cases)('$fault ($phase) on $route', async (one) => {
    const before = beforeOf(one).text;
    const good = goodOf(one);
    const bench = await play(one, { b: good.steps });
    const sentTo = bench.upstream.sent.map(({ target }) => target.replicaId);
    switch (one.client) {
      case "another's answer":
        expect([sentTo, text(bench)]).toEqual([['a', 'b'], good.text]);
        break;
      case "the same replica's answer":
        expect([sentTo, text(bench)]).toEqual([['a', 'a'], good.text]);
        break;
      case 'its whole answer':
        expect([sentTo, text(bench)]).toEqual([['a'], good.text]);
        break;
      case 'an error event':
        expect(sentTo).toEqual(['a']);
        expect(text(bench).startsWith(before)).toBe(true);
        expect(text(bench).slice(before.length)).toMatch(errorEvent);
        expect(text(bench)).toContain(one.all);
        expect(bench.outgoing.writableEnded).toBe(true);
        break;
      case 'its words and status':
        expect(sentTo).toEqual(['a']);
        expect(bench.outgoing.status).toBe(Number(/\d{3}/.exec(one.sends)?.[0]));
        expect(JSON.parse(text(bench))).toMatchObject({ error: { message: expect.stringContaining(one.all) } });
        break;
      case 'a cut connection':
        expect([sentTo, bench.outgoing.destroyed, bench.outgoing.writableEnded]).toEqual([['a'], true, false]);
        break;
      default:
        expect.unreachable(`faults.test.ts does not know "${one.client}"`);
    }
    const [, first] = bench.ends[0] ?? [];
    const seen = first?.kind === 'failed' ? `failed ${first.failure}` : first?.kind;
    if (one.health === 'an incident') expect(seen).toMatch(/^failed (reset|protocol|timeout)$/);
    else expect(seen).toBe(healthWords[one.health] ?? `known to faults.test.ts, not "${one.health}"`);
    expect(bench.slots.held).toBe(0);
  });
});

describe('what the client is told when all do so', () => {
  it.each(cases.filter(({ client, all }) => client === "another's answer" && all !== ''))(
    '$fault ($phase) on $route',
    async (one) => {
      const bench = await play(one);
      expect(bench.upstream.sent.length).toBeGreaterThan(1);
      const said = text(bench);
      expect(said).toContain(one.all);
      expect(said).not.toMatch(/as told|127\.0\.0\.1|ECONN/);
      const isEvent = bench.outgoing.status === 200;
      if (isEvent) expect(said).toMatch(errorEvent);
      else expect(JSON.parse(said)).toMatchObject({ error: { message: expect.any(String) } });
      const after = Number(bench.outgoing.headers['retry-after'] ?? 1);
      expect([after >= 1, after <= 60, bench.slots.held]).toEqual([true, true, 0]);
    },
  );
});

describe('faults.md', () => {
  it('covers every route that more than one replica can answer', () => {
    const routes = [openAi, anthropic]
      .flatMap((api) => api.routes)
      .filter(({ aboutAnswer }) => aboutAnswer === undefined)
      .map(({ name }) => name);
    expect(new Set(cases.map(({ route }) => route))).toEqual(new Set(routes));
  });

  it('has a row for all that is scripted', () => {
    expect(new Set(Object.keys(scriptsOf({})))).toEqual(new Set(cases.map(({ sends }) => sends)));
  });

  it.each(others)('%s: %s, as %s says', (...[, , test = '']) => {
    const [, file = '', name = ''] = /^`(.+)`: (.+)$/.exec(test) ?? [];
    expect(sourceOf(file).replaceAll("\\'", "'").includes(name), test).toBe(true);
  });
});
