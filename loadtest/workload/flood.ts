import type { Asker, PromptPart, Turn } from './turn.ts';

/** The one flow of all flooding clients. */
export const floodClient = 'flood';
/** What each sends: prompts that nobody has seen. */
const sizes = { promptTokens: 8000, freshTokens: 8000 } as const;
const outputTokens = 200;
/** Ids from here on are the flood's; each of its clients has so many. */
const [firstId, ownIds] = [4_000_000_000, 1_000_000] as const;

/** A client that sends one prompt after the other without a pause, all of one flow. */
export class FloodingClient implements Asker {
  readonly client = floodClient;
  readonly #fromMs: number;
  #nextId: number;
  #version = 0;

  constructor(fromMs: number, index: number) {
    this.#fromMs = fromMs;
    this.#nextId = firstId + index * ownIds;
  }

  firstDelay(): number {
    return this.#fromMs;
  }

  next(): Turn {
    const session = `flood-${this.#nextId}`;
    const question: PromptPart = { id: this.#nextId++, kind: 'question', tokens: sizes.promptTokens };
    const answer: PromptPart = { id: this.#nextId++, kind: 'answer', tokens: outputTokens };
    this.#version += 1;
    return { session, version: this.#version, parts: [question], answer, ...sizes };
  }

  answered(): number {
    return 0;
  }
}
