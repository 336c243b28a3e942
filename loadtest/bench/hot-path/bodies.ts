import { ask, beginConversation, hear, proseOf } from '#loadtest/workload/conversation.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';

/** Turns of a conversation before the next one begins. */
const turns = 8;
/** The part of a prompt that all conversations have in common, and what a turn adds to it. */
const [sharedPart, turnPart] = [0.25, 0.02] as const;
/** The model of every request. */
export const model = 'm';

/**
 * Bodies of chat completions as coding assistants send them, `bytes` long in the mean: conversations of eight turns that
 * grow, with one system prompt. Texts have line ends and quotes, as code has. `max_tokens` stands first, where the replica looks.
 */
export function* chatBodies({
  seed,
  bytes,
  chunks,
}: {
  seed: number;
  bytes: number;
  chunks: number;
}): Generator<Buffer, never> {
  const system = codeOf(seededRandom(1), bytes * sharedPart);
  const random = seededRandom(seed);
  const head = { max_tokens: chunks, model, stream: true, stream_options: { include_usage: true }, temperature: 0.2 };
  for (let user = 0; ; user += 1) {
    const pastBytes = bytes * (1 - sharedPart - (turns / 2) * turnPart);
    let talk = beginConversation(`user-${seed}-${user}`, system);
    talk = hear(ask(talk, codeOf(random, pastBytes / 2)), codeOf(random, pastBytes / 2));
    for (let turn = 0; turn < turns; turn += 1) {
      talk = ask(talk, codeOf(random, (bytes * turnPart) / 2));
      yield Buffer.from(JSON.stringify({ ...head, messages: talk.messages, user: talk.user }));
      talk = hear(talk, codeOf(random, (bytes * turnPart) / 2));
    }
  }
}

/** What quotes, line ends and indents add to words, in JSON. */
const escaped = 1.175;

/** Lines of words, some of them quoted, `bytes` long in JSON: about as many escapes as source code has. */
function codeOf(random: () => number, bytes: number): string {
  return proseOf(random, bytes / escaped).replaceAll(/((?:\S+ ){4})(\S+) (\S+ \S+) /g, '$1"$2"\n    $3 ');
}
