import { renderChat } from '#loadtest/sim/model/chat-template.ts';
import { exactText, type TextOrder } from '#loadtest/sim/model/exact-text.ts';
import { tokenize } from '#loadtest/sim/model/tokens.ts';

/** About as many as a coding assistant has. */
const toolCount = 16;
const oneWord = { tokens: 1, bytes: 2 } as const;

/**
 * The tools of an assistant as the JSON of a list: so many bytes in its elements, and so many tokens in the prompt, with
 * the system message's frame. Each has a long description.
 */
export function writeTools({ seed, tokens, bytes }: TextOrder): string {
  const bare = toolsWith(Array.from({ length: toolCount }, () => exactText({ seed, ...oneWord })));
  const free = { tokens: tokens - tokensWith(bare), bytes: bytes - bytesIn(bare) };
  const share = (of: number, index: number): number =>
    Math.floor((of * (index + 1)) / toolCount) - Math.floor((of * index) / toolCount);
  const descriptions = bare.map((_, index) =>
    exactText({
      seed: seed + index,
      tokens: oneWord.tokens + share(free.tokens, index),
      bytes: oneWord.bytes + share(free.bytes, index),
    }),
  );
  return JSON.stringify(toolsWith(descriptions));
}

/** No word of a text is spelled as one of their names: the simulated model calls what is named. */
function toolsWith(descriptions: readonly string[]): readonly unknown[] {
  return descriptions.map((description, index) => ({
    type: 'function',
    function: {
      name: `tool_${index}`,
      description,
      parameters: { type: 'object', properties: { path: { type: 'string' }, text: { type: 'string' } } },
    },
  }));
}

function tokensWith(tools: readonly unknown[]): number {
  const framed = renderChat({ messages: [{ role: 'system', content: '' }], tools });
  return tokenize(framed, 1).tokens - tokenize(renderChat({ messages: [] }), 1).tokens;
}

function bytesIn(tools: readonly unknown[]): number {
  return tools.reduce<number>((sum, tool) => sum + Buffer.byteLength(JSON.stringify(tool)), 0);
}
