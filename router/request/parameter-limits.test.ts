import { describe, expect, it } from 'vitest';
import type { Dialect } from '../dialects/dialect.ts';
import { chatCompletions, completions, openAi } from '../dialects/openai/routes.ts';
import { Scanner } from '../scan/scanner.ts';
import { assertWithinLimits } from './parameter-limits.ts';

const embeddings = openAi.routes.find(({ name }) => name === 'embeddings') as Dialect;

/** What a body of this route is told where four choices are allowed; undefined if it is taken. */
function told({ body: rules }: Dialect, body: object): [param: string | undefined, message: string] | undefined {
  const scanner = new Scanner(rules);
  scanner.write(Buffer.from(JSON.stringify({ model: 'm', ...body })));
  const scan = scanner.end();
  if (!scan.ok) throw new Error(scan.code);
  try {
    assertWithinLimits(scan, rules, { choicesMax: 4 });
    return undefined;
  } catch (error) {
    const { param, publicMessage } = error as { param: string | undefined; publicMessage: string };
    return [param, publicMessage];
  }
}
const prompts = (count: number): string[] => Array.from({ length: count }, (_, at) => `text ${at}`);

describe('the choices of one request', () => {
  it.each<[Dialect, object, [string, string] | undefined]>([
    [completions, { prompt: 'one text', n: 4 }, undefined],
    [completions, { prompt: [1, 2, 3, 4, 5, 6] }, undefined],
    [completions, { prompt: prompts(4) }, undefined],
    [completions, { prompt: prompts(2), n: 2, best_of: 2 }, undefined],
    [completions, { prompt: prompts(5), n: 1 }, ['prompt', '"prompt" is a list of 5, each with a choice']],
    [completions, { prompt: [[1], [2], [3], [4], [5]] }, ['prompt', '"prompt" is a list of 5, each with a choice']],
    [completions, { prompt: prompts(2), n: 3 }, ['n', '"n" is 3 for each of 2 prompts']],
    [completions, { prompt: prompts(2), n: 1, best_of: 3 }, ['best_of', '"best_of" is 3 for each of 2 prompts']],
    [completions, { n: 3, prompt: prompts(2) }, ['n', '"n" is 3 for each of 2 prompts']],
    [completions, { prompt: 'x', n: 5 }, ['n', '"n" is 5']],
    [chatCompletions, { messages: prompts(9).map((content) => ({ role: 'user', content })), n: 4 }, undefined],
    [chatCompletions, { messages: [], prompt: prompts(9) }, undefined],
    [embeddings, { input: prompts(500) }, undefined],
  ])('$0.name %o', (dialect, body, problem) => {
    expect(told(dialect, body)).toEqual(problem && [problem[0], `${problem[1]}; this endpoint allows 4 at most.`]);
  });
});
