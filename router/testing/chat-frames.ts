/** Frames of a chat stream. */
export const frames = {
  role: frame({ choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }] }),
  text: (content: string) => frame({ choices: [{ index: 0, delta: { content }, finish_reason: null }] }),
  finish: frame({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }),
  usage: (prompt: number, completion: number, cached = 0) =>
    frame({
      choices: [],
      usage: {
        prompt_tokens: prompt,
        completion_tokens: completion,
        total_tokens: prompt + completion,
        prompt_tokens_details: { cached_tokens: cached },
      },
    }),
  done: 'data: [DONE]\n\n',
} as const;

function frame(members: object): string {
  return `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm', ...members })}\n\n`;
}

/** The data of each event of a stream, in order. */
export function eventsOf(text: string): string[] {
  return text
    .split('\n\n')
    .filter((event) => event.startsWith('data: '))
    .map((event) => event.slice('data: '.length));
}

/** The text that a chat stream carried. */
export function contentOf(text: string): string {
  return eventsOf(text)
    .filter((data) => data !== '[DONE]')
    .map((data) => {
      const value: unknown = JSON.parse(data);
      return /"content":"((?:[^"\\]|\\.)*)"/.exec(JSON.stringify(value))?.[1] ?? '';
    })
    .join('');
}
