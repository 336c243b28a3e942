import type { Asked, Feature } from './sdk.ts';
import type { Fault } from './faulty-replicas.ts';

/**
 * What must come of a case: the engine's own `answer`, or an error that says this. It has no status if it came after the
 * router had said 200.
 */
export type Expected = 'answer' | { readonly status?: number; readonly says: string };

/** One row of the matrix. */
export interface MatrixCase {
  readonly name: string;
  readonly how: 'whole' | 'stream';
  readonly asked: Asked;
  readonly expected: Expected;
  /** SDKs that lack it have no such row. */
  readonly needs?: Feature;
  readonly fault?: Fault;
  /** Whom it is asked: the endpoint that serves, one without a replica, or the first with a wrong key. */
  readonly of?: 'awake' | 'asleep' | 'stranger';
  /** Attempts that the replicas must have seen. */
  readonly attempts?: number;
}

/** A row in which the client gets nothing but heartbeats for so long, milliseconds. */
export interface WaitingCase extends MatrixCase {
  readonly waitMs: number;
  /** So many of those at least. */
  readonly heartbeats: number;
  /** How long a replica may be silent before it is given up, milliseconds. */
  readonly firstTokenTimeoutMs: number;
}

/** A row in which the client leaves: before anything came, or at the first text. */
export type LeavingCase = Pick<MatrixCase, 'name' | 'how' | 'asked' | 'fault'>;

/** Longest body that the router of the matrix takes, bytes. */
export const bodyBytesMax = 100_000;

/** One pixel. */
const image = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const text = 'What is a prefix cache?';
const plain: Asked = { text };

/** Rows that are over at once. */
export const matrixCases: readonly MatrixCase[] = [
  ...bothWays('answer', { asked: plain, expected: 'answer', attempts: 1 }),
  ...bothWays('tool call', { asked: { text: 'Please get_weather.', tool: true }, needs: 'tool', expected: 'answer' }),
  ...bothWays('reasoning', { asked: { text, reasons: true }, needs: 'reasons', expected: 'answer' }),
  ...bothWays('structured output', { asked: { text, schema: true }, needs: 'schema', expected: 'answer' }),
  ...bothWays('image', { asked: { text, image }, needs: 'image', expected: 'answer' }),
  ...bothWays('log-probabilities', { asked: { text, logprobs: true }, needs: 'logprobs', expected: 'answer' }),
  ...bothWays('wrong key', { asked: plain, of: 'stranger', expected: { status: 401, says: 'The token is missing' } }),
  ...bothWays('unknown model', {
    asked: { text, model: 'other' },
    expected: { status: 404, says: 'is not served here' },
  }),
  ...bothWays('body too large', {
    asked: { text: text.repeat(10_000) },
    expected: { status: 413, says: 'longer than 100000 bytes' },
  }),
  ...bothWays('engine says 429', {
    asked: plain,
    fault: { kind: 'status', status: 429 },
    expected: { status: 429, says: 'Asked for.' },
  }),
  ...bothWays('no replica is awake', {
    asked: plain,
    of: 'asleep',
    expected: { status: 503, says: 'The endpoint is starting.' },
  }),
  ...bothWays('replica lost, another one is there', {
    asked: plain,
    fault: { kind: 'cut', once: true },
    expected: 'answer',
    attempts: 2,
  }),
  {
    name: 'every replica lost',
    how: 'whole',
    asked: plain,
    fault: { kind: 'cut' },
    expected: { status: 502, says: 'The model server failed.' },
  },
  {
    name: 'every replica lost before content',
    how: 'stream',
    asked: plain,
    fault: { kind: 'cut' },
    expected: { status: 502, says: 'The model server failed.' },
  },
  {
    name: 'replica lost after content',
    how: 'stream',
    asked: plain,
    fault: { kind: 'cut', content: true },
    expected: { says: 'The model server was lost' },
    attempts: 1,
  },
  {
    name: 'answer truncated after content',
    how: 'stream',
    asked: plain,
    fault: { kind: 'truncated', content: true },
    expected: { says: 'The model server was lost' },
    attempts: 1,
  },
];

/** Rows of long waits: every SDK waits at the same time. */
export const waitingCases: readonly WaitingCase[] = [
  {
    name: '90 s of heartbeats, then content',
    how: 'stream',
    asked: plain,
    fault: { kind: 'late' },
    expected: 'answer',
    waitMs: 90_000,
    heartbeats: 9,
    firstTokenTimeoutMs: 180_000,
  },
  {
    name: 'heartbeats, and no replica that answers',
    how: 'stream',
    asked: plain,
    fault: { kind: 'silent' },
    expected: { says: 'did not answer in time' },
    waitMs: 60_000,
    heartbeats: 4,
    firstTokenTimeoutMs: 20_000,
  },
];

/** The three windows in which a client can leave. */
export const leavingCases: readonly LeavingCase[] = [
  { name: 'leaves before the head', how: 'stream', asked: plain, fault: { kind: 'silent' } },
  { name: 'leaves in the middle', how: 'stream', asked: plain, fault: { kind: 'stuck', content: true } },
  { name: 'leaves before the answer', how: 'whole', asked: plain, fault: { kind: 'silent' } },
];

function bothWays(name: string, rest: Omit<MatrixCase, 'name' | 'how'>): MatrixCase[] {
  return [
    { name, how: 'whole', ...rest },
    { name, how: 'stream', ...rest },
  ];
}
