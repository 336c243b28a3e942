import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { exponential, logNormal, zipf } from './distributions.ts';
import type { Asker, PartKind, PromptPart, Turn } from './turn.ts';

const minute = 60_000;
const hour = 60 * minute;
/** System prompt and tools of three versions of the assistant: their share of engineers, and tokens of each. */
const assistants = [
  { share: 0.6, tools: 12_000, system: 8000 },
  { share: 0.28, tools: 12_000, system: 8000 },
  { share: 0.12, tools: 8000, system: 6000 },
] as const;
const repositories = { count: 100, skew: 0.6, tokens: 10_000 } as const;
/** Longest prompt plus answer; beyond it the conversation is summed up. */
const contextTokensMax = 125_000;
const summaryTokens = { min: 8000, max: 20_000 } as const;
/** Ids of parts that engineers share, and how many each has for parts of its own. */
const [sharedIds, ownIds] = [1000, 1_000_000] as const;

/** What makes an engineer's day differ from one that goes on and on. */
export interface Habits {
  /** The longest wait of somebody who is at work; 2 h where nobody is ever away. */
  readonly waitMsMax?: number;
  /** How long somebody who would ask at that time is away, milliseconds. */
  readonly awayMs?: (atMs: number) => number;
  /** Asks nothing before that time, then begins in this repository. */
  readonly starts?: { readonly atMs: number; readonly repository: number };
}

/**
 * An engineer with a coding assistant, in a closed loop: a question, then steps of tool calls, then a wait. Shaped after
 * published traces of coding agents: shared system prompt and repository, log-normal lengths and waits with heavy tails,
 * compaction. Its own random stream depends on nothing but seed and index, so that all routers meet the same engineers.
 */
export class Engineer implements Asker {
  readonly client: string;
  readonly #random: () => number;
  readonly #index: number;
  readonly #habits: Habits;
  readonly #shared: readonly PromptPart[];
  #nextId: number;
  #sessions = 0;
  #version = 0;
  #parts: PromptPart[] = [];
  #promptTokens = 0;
  #stepsLeft = 0;
  #startsAnew = true;

  constructor(seed: number, index: number, habits: Habits = {}) {
    this.#random = seededRandom(seed * 1_000_003 + index * 7919);
    this.client = `engineer-${index}`;
    this.#index = index;
    this.#nextId = (index + 1) * ownIds;
    this.#habits = habits;
    this.#shared = sharedParts(this.#random, habits.starts?.repository);
  }

  /** How long after the begin the first question comes, milliseconds: the run begins in the middle of a wait. */
  firstDelay(): number {
    const waitMs = this.#wait(0);
    return this.#habits.starts?.atMs ?? waitMs;
  }

  /** The next request. The one before must have been answered. */
  next(): Turn {
    const isQuestion = this.#stepsLeft === 0;
    if (isQuestion) this.#stepsLeft = 1 + Math.round(exponential(this.#random, 7.5));
    this.#stepsLeft -= 1;
    const answerTokens = this.#tokens({ median: 210, sigma: 1.35, max: 8000 });
    const freshTokens = this.#say(isQuestion, answerTokens);
    const answer = this.#part('answer', answerTokens);
    return {
      session: `${this.#index}-${this.#sessions}`,
      version: this.#version,
      parts: this.#parts,
      answer,
      promptTokens: this.#promptTokens,
      freshTokens,
    };
  }

  /** The request was answered. Returns the time until the next one, milliseconds. */
  answered({ answer }: Turn, nowMs: number): number {
    this.#append(answer);
    if (this.#stepsLeft > 0) return Math.min(300_000, logNormal(this.#random, { median: 800, sigma: 2 }));
    const waitMs = this.#wait(nowMs);
    this.#startsAnew = waitMs > hour;
    return waitMs;
  }

  #wait(nowMs: number): number {
    const { waitMsMax = 2 * hour } = this.#habits;
    const waitMs = Math.min(waitMsMax, logNormal(this.#random, { median: 86_000, sigma: 2.09 }));
    return waitMs + (this.#habits.awayMs?.(nowMs + waitMs) ?? 0);
  }

  /** Appends what the request adds; returns how much of it is fresh. */
  #say(isQuestion: boolean, answerTokens: number): number {
    if (this.#startsAnew) {
      this.#startsAnew = false;
      this.#sessions += 1;
      this.#begin();
      return this.#append(this.#part('question', this.#tokens({ median: 5000, sigma: 1.48, max: 50_000 })));
    }
    const tokens = this.#tokens({ median: 400, sigma: 1.48, max: 30_000 });
    let fresh = 0;
    if (this.#promptTokens + tokens + answerTokens > contextTokensMax) {
      this.#begin();
      const { min, max } = summaryTokens;
      fresh += this.#append(this.#part('summary', Math.round(min + this.#random() * (max - min))));
    }
    return fresh + this.#append(this.#part(isQuestion ? 'question' : 'tool-result', tokens));
  }

  #begin(): void {
    this.#version += 1;
    this.#parts = [];
    this.#promptTokens = 0;
    for (const part of this.#shared) this.#append(part);
  }

  #append(part: PromptPart): number {
    this.#parts.push(part);
    this.#promptTokens += part.tokens;
    return part.tokens;
  }

  #part(kind: PartKind, tokens: number): PromptPart {
    return { id: this.#nextId++, kind, tokens };
  }

  #tokens({ median, sigma, max }: { median: number; sigma: number; max: number }): number {
    return Math.max(1, Math.min(max, Math.round(logNormal(this.#random, { median, sigma }))));
  }
}

function sharedParts(random: () => number, chosen: number | undefined): PromptPart[] {
  let left = random();
  const version = assistants.findIndex(({ share }) => (left -= share) < 0);
  const { tools, system } = assistants[version] ?? assistants[0];
  const usual = zipf(random, repositories);
  return [
    { id: 2 * version, kind: 'tools', tokens: tools },
    { id: 2 * version + 1, kind: 'system', tokens: system },
    { id: sharedIds + (chosen ?? usual), kind: 'repository', tokens: repositories.tokens },
  ];
}
