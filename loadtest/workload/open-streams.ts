/** How one stream went, counted frame by frame. */
export interface StreamCount {
  status: number;
  bytes: number;
  /** Frames with content. */
  frames: number;
  /** Output tokens as the engine counts them. */
  outputTokens: number;
  finishReason: string | null;
  /** The end mark came. */
  done: boolean;
  /** Why it broke, where it did. */
  error: string | undefined;
}

/** Streams that were opened together. */
export interface OpenStreams {
  /** As they stand now. */
  counts: readonly Readonly<StreamCount>[];
  /** Resolves when the last one has ended, whichever way. */
  ended: Promise<void>;
}

/** What is asked of each stream: exactly `tokens` tokens. */
interface StreamRequest {
  token: string;
  model: string;
  tokens: number;
}

/** Opens a streamed completion at each of `urls`, one entry per stream, past any SDK: every frame and the end mark count. */
export function openStreams(urls: readonly string[], request: StreamRequest): OpenStreams {
  const counts = urls.map((): StreamCount => ({
    status: 0,
    bytes: 0,
    frames: 0,
    outputTokens: 0,
    finishReason: null,
    done: false,
    error: undefined,
  }));
  const streams = counts.map(async (count, index) => {
    try {
      await readStream(await ask(`${urls[index]}/v1/chat/completions`, request, index), count);
    } catch (error) {
      count.error = String(error);
    }
  });
  return { counts, ended: Promise.all(streams).then(() => {}) };
}

function ask(url: string, { token, model, tokens }: StreamRequest, index: number): Promise<Response> {
  const messages = [{ role: 'user', content: `Tell me story number ${index}.` }];
  const length = { max_tokens: tokens, ignore_eos: true };
  return fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages, stream: true, stream_options: { include_usage: true }, ...length }),
  });
}

async function readStream({ status, body }: Response, count: StreamCount): Promise<void> {
  count.status = status;
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of body ?? []) {
    count.bytes += bytes.length;
    const frames = `${rest}${decoder.decode(bytes, { stream: true })}`.split('\n\n');
    rest = frames.pop() ?? '';
    for (const frame of frames) if (frame.startsWith('data: ')) takeFrame(frame.slice('data: '.length), count);
  }
}

interface Chunk {
  choices?: { delta: { content?: string | null }; finish_reason: string | null }[];
  usage?: { completion_tokens: number } | null;
  error?: { message: string };
}

function takeFrame(data: string, count: StreamCount): void {
  if (data === '[DONE]') {
    count.done = true;
    return;
  }
  const { choices = [], usage, error } = JSON.parse(data) as Chunk;
  count.error = error?.message ?? count.error;
  if (choices.some(({ delta }) => (delta.content ?? '') !== '')) count.frames += 1;
  count.finishReason = choices[0]?.finish_reason ?? count.finishReason;
  count.outputTokens = usage?.completion_tokens ?? count.outputTokens;
}
