import type OpenAI from 'openai';
import { complete } from './completion.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { ask, beginConversation, hear, proseOf, type Conversation } from './conversation.ts';

/** What a load has seen so far. */
export interface StreamLoad extends AsyncDisposable {
  completed(): number;
  /** One line per completion that failed or ended without a finish reason. */
  failures(): string[];
  /** Resolves when `more` further completions have ended. */
  progress(more: number): Promise<void>;
}

/** Starts `users` loops, each sending its whole growing conversation with every turn, until disposed. */
export function startStreamLoad(options: {
  client: OpenAI;
  model: string;
  users: number;
  seed: number;
  maxTokens: number;
  /** Turns after which a user begins anew. */
  turns: number;
}): StreamLoad {
  const stop = new AbortController();
  const failures: string[] = [];
  let completed = 0;
  let waiters: { at: number; resolve: () => void }[] = [];
  const count = (): void => {
    completed += 1;
    for (const waiter of waiters.filter(({ at }) => at <= completed)) waiter.resolve();
    waiters = waiters.filter(({ at }) => at > completed);
  };
  const user = async (index: number): Promise<void> => {
    const random = seededRandom(options.seed * 1000 + index);
    for (let round = 0; !stop.signal.aborted; round += 1) {
      let conversation: Conversation = beginConversation(
        `user-${index}-${round}`,
        proseOf(seededRandom(options.seed), 2000),
      );
      for (let turn = 0; turn < options.turns && !stop.signal.aborted; turn += 1) {
        conversation = ask(conversation, proseOf(random, 300));
        conversation = hear(conversation, await turnOf(conversation));
      }
    }
  };
  const turnOf = async (conversation: Conversation): Promise<string> => {
    const { client, model, maxTokens } = options;
    try {
      const answer = await complete(client, { model, maxTokens, messages: conversation.messages });
      if (answer.finishReason === null) failures.push(`${conversation.user}: the stream ended without a finish reason`);
      return answer.text;
    } catch (error) {
      failures.push(`${conversation.user}: ${reasons(error)}`);
      return '';
    } finally {
      count();
    }
  };
  const running = Array.from({ length: options.users }, (_, index) => user(index));
  return {
    completed: () => completed,
    failures: () => [...failures],
    progress: (more) => new Promise((resolve) => waiters.push({ at: completed + more, resolve })),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(running);
    },
  };
}

/** An error with its causes: the SDK says "Connection error." of whatever the socket said. */
function reasons(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? String(error) : `${String(error)} (${reasons(cause)})`;
}
