import type { FieldReader } from '../../scan/body-rules.ts';
import type { AnswerReader, Api, Dialect, ErrorVoice, TakeEvent } from '../../dialects/dialect.ts';
import type { Usage } from '../../replicas/usage.ts';

/**
 * An API that shares no word with any other: PUT, lines of JSON instead of events, other names for everything. It is all
 * that the router must be given to serve it.
 */
const errors: ErrorVoice = {
  told: ({ code, publicMessage, status, retryable }, { original }) => ({
    status,
    headers: { 'x-tiny-retry': retryable ? 'yes' : 'no' },
    body: Buffer.from(JSON.stringify({ oops: code, why: publicMessage, inner: original?.toString() })),
  }),
  relayed: ({ status, body }) => ({
    status,
    headers: {},
    body: Buffer.from(JSON.stringify({ oops: status, inner: body.toString() })),
  }),
  streamEnd: (body) => Buffer.concat([body, Buffer.from('\n')]),
  tells: () => false,
  answerOf: (event) => ({ status: 500, contentType: 'application/x-ndjson', body: event }),
};

/** One line, one event: `{"hi":1}` opens, `{"w":"…"}` speaks, `{"cost":[in,out]}` counts, `{"oops":…}` fails, `{"bye":1}` ends. */
class TinyReader implements AnswerReader {
  finished = false;
  usage: Usage | undefined;
  #rest = '';

  read(chunk: Buffer, take: TakeEvent): void {
    const lines = (this.#rest + chunk.toString()).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#onLine(line, take);
  }

  end(take: TakeEvent): void {
    if (this.#rest !== '') this.#onLine(this.#rest, take);
  }

  flush(): void {}

  #onLine(line: string, take: TakeEvent): void {
    const bytes = Buffer.from(`${line}\n`);
    if (line === '') return;
    if (line.startsWith('{"hi"')) return take('opening', bytes);
    if (line.startsWith('{"oops"')) return take('error', Buffer.from(line));
    if (line.startsWith('{"bye"')) return take('done', bytes);
    const [, input, output] = /^\{"cost":\[(\d+),(\d+)\]/.exec(line) ?? [];
    if (input === undefined) return take('content', bytes);
    this.usage = { promptTokens: Number(input), completionTokens: Number(output), cachedTokens: undefined };
    take('meta', undefined);
  }
}

const say: Dialect = {
  name: 'tiny',
  method: 'PUT',
  path: '/tiny/say',
  headers: ['tiny-beta'],
  body: {
    fields: new Map<string, FieldReader>([
      ['brain', (value) => (typeof value === 'string' ? { model: value } : 'wrong_type')],
      ['live', (value) => ({ stream: value === 1 })],
      ['then', (value) => (typeof value === 'string' ? { previous: value } : 'wrong_type')],
      ['most', (value) => (typeof value === 'number' && value > 0 ? { maxTokens: value } : 'out_of_range')],
    ]),
    spans: [{ key: 'talk', kind: 'messages' }],
    author: { key: 'by', user: 'me' },
    volatileKeys: [],
    volatileTexts: [],
  },
  modelField: 'brain',
  streamType: 'application/x-ndjson',
  heartbeat: Buffer.from('\n'),
  endMark: Buffer.from('{"bye":1}\n'),
  errors,
  splices: ({ object, model }, engineModel) =>
    model === engineModel ? [] : [{ start: object.start, end: object.start + 1, bytes: Buffer.from('{"alias":1,') }],
  probeBody: () => Buffer.from('{"most":1}'),
  reader: () => new TinyReader(),
  answerId: (head) => /"hi":"(\w+)"/.exec(head.toString())?.[1],
  usageOf: () => ({ promptTokens: 1, completionTokens: 1, cachedTokens: undefined }),
  answerHeaders: (ms) => ({ 'tiny-ms': String(ms) }),
};

/** What was said, by its id: `?again` streams it. */
const said: Dialect = {
  ...say,
  name: 'tiny_said',
  method: 'POST',
  path: '/tiny/:id/said',
  aboutAnswer: { isStreamed: (query) => query.has('again') },
};

export const tinyApi: Api = {
  routes: [say, said],
  errors,
  models: {
    path: '/tiny/brains',
    idField: 'brain',
    list: (models) => ({ brains: models.map(({ id }) => id) }),
    one: ({ id, status }) => ({ brain: id, awake: status === 'ready' }),
  },
};
