import { z } from 'zod';
import type { AnswerNote } from './answer-store.ts';
import type { LedgerMessage } from './ledger-message.ts';

/** What is published at once: some messages of one process. */
export interface LedgerBatch {
  /** Names the sending process, not only the router: one that was restarted does not take old echoes for its own. */
  readonly sender: string;
  readonly messages: readonly LedgerMessage[];
}

const blocksMax = 65_536;
const entriesMax = 4096;
const messagesMax = 4096;
const keyBytes = BigUint64Array.BYTES_PER_ELEMENT;
const sizeBytes = Uint32Array.BYTES_PER_ELEMENT;

const id = z.string().max(256);
const figure = z.number().nonnegative();

/** Base64 of little-endian values of `size` bytes each. */
const packed = (size: number) =>
  z
    .string()
    .max(blocksMax * keyBytes * 2)
    .refine((text) => Buffer.from(text, 'base64').length % size === 0, 'cut within a value');
const pack = (values: BigUint64Array | Uint32Array): string =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');
const unpack = (text: string): ArrayBuffer => Uint8Array.from(Buffer.from(text, 'base64')).buffer;

const keys = z.codec(
  packed(keyBytes),
  z.custom<BigUint64Array>((value) => value instanceof BigUint64Array),
  {
    decode: (text) => new BigUint64Array(unpack(text)),
    encode: pack,
  },
);
const sizes = z.codec(
  packed(sizeBytes),
  z.custom<Uint32Array>((value) => value instanceof Uint32Array),
  {
    decode: (text) => new Uint32Array(unpack(text)),
    encode: pack,
  },
);
const key = z.codec(z.string().regex(/^[0-9a-f]{1,16}$/), z.bigint(), {
  decode: (text) => BigInt(`0x${text}`),
  encode: (value) => value.toString(16),
});

const entries = <T extends z.ZodType>(value: T) =>
  z.record(id, value).refine((record) => Object.keys(record).length <= entriesMax, 'too many entries');

const load = z.object({
  inFlight: figure,
  prefillSecondsLeft: figure,
  prefillDoneIn: figure,
  privateContextTokens: z.number(),
  reservedOutputTokens: z.number(),
  // A router that does not know of them has none.
  coldPrompts: z.number().default(0),
});
const row = z.object({ router: id, epoch: z.int(), seq: z.int(), replicas: entries(load) });
const flows = z.codec(
  entries(figure),
  z.custom<ReadonlyMap<string, number>>((value) => value instanceof Map),
  {
    decode: (record) => new Map(Object.entries(record)),
    encode: (map) => Object.fromEntries(map),
  },
);
const served = z.object({ router: id, epoch: z.int(), seq: z.int(), flows });
const news = z.object({
  replica: id,
  parentTip: key,
  newKeys: keys,
  newBytes: sizes,
  touchedTip: key,
  generated: z.object({ promptTokens: figure, tokens: figure, bytes: figure }).exactOptional(),
});
const signals = z.object({
  running: figure.exactOptional(),
  waiting: figure.exactOptional(),
  kvUse: figure.exactOptional(),
  kvTokens: figure.exactOptional(),
  cacheQueries: figure.exactOptional(),
  cacheHits: figure.exactOptional(),
  preemptions: figure.exactOptional(),
  residentAdapters: z.array(id).max(entriesMax).readonly().exactOptional(),
  residentAdaptersMax: figure.exactOptional(),
  processStart: figure.exactOptional(),
});
const cache = z.object({
  clearedAgeMs: figure.exactOptional(),
  heldTokens: figure.exactOptional(),
  evictedPerSecond: figure.exactOptional(),
});
const answer = z.object({ replica: id, process: id, root: key, tip: key, bytes: figure });
/** `by`: the router that noted it, for people with redis-cli. */
const note = z.object({ v: z.literal(1), by: id, answer, givenAt: figure });
const message = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('row'), from: id, row, ageMs: figure }),
  z.object({ kind: z.literal('flows'), from: id, served }),
  z.object({ kind: z.literal('news'), from: id, news }),
  z.object({ kind: z.literal('ask'), from: id, to: id, replica: id, offset: z.int().nonnegative() }),
  z.object({
    kind: z.literal('index-piece'),
    from: id,
    to: id,
    replica: id,
    offset: z.int().nonnegative(),
    last: z.boolean(),
    keys,
    parents: keys,
    bytes: sizes,
  }),
  answer.extend({ kind: z.literal('kept'), from: id, key: id, ageMs: figure }),
  z.object({
    kind: z.literal('look'),
    from: id,
    replica: id,
    process: id,
    ageMs: figure,
    health: z.enum(['healthy', 'unhealthy', 'refused', 'silent', 'unknown']),
    signals,
    cache: cache.exactOptional(),
  }),
  z.object({
    kind: z.literal('want'),
    from: id,
    to: id,
    seq: z.int(),
    pool: id,
    want: z.object({ cost: figure, ageMs: figure }).exactOptional(),
  }),
  z.object({ kind: z.literal('grant'), from: id, owner: id, seq: z.int(), pool: id }),
  z.object({ kind: z.literal('hello'), from: id }),
]);
const batch = z.object({ v: z.literal(1), sender: id, messages: z.array(message).max(messagesMax) });

/** The batch as text for the wire. */
export function encodeBatch(value: LedgerBatch): string {
  return JSON.stringify(z.encode(batch, { v: 1, sender: value.sender, messages: [...value.messages] }));
}

/** The batch that a text says; undefined if it is none, or of a version that this build does not know. */
export function decodeBatch(text: string): LedgerBatch | undefined {
  return read(batch, text);
}

/** A note of this router's as text for the store. */
export function encodeNote(by: string, { answer: kept, givenAt }: AnswerNote): string {
  return JSON.stringify(z.encode(note, { v: 1, by, answer: kept, givenAt }));
}

/** What stands under an answer's key; undefined if it is no note, or of a version that this build does not know. */
export function decodeNote(answerKey: string, text: string): AnswerNote | undefined {
  const value = read(note, text);
  return value && { key: answerKey, answer: value.answer, givenAt: value.givenAt };
}

function read<T extends z.ZodType>(schema: T, text: string): z.output<T> | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
