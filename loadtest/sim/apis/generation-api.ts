import type { ModelRequest } from '../model/answer.ts';
import type { VllmError } from '../model/vllm-errors.ts';

/** What the engine is: decides which requests are acceptable and how prompts are cut. */
export interface ModelLimits {
  readonly model: string;
  readonly maxModelTokens: number;
  readonly blockTokens: number;
  /** Whether the tokens of prompts are kept until their blocks are gone. */
  readonly keepsTokens?: boolean;
}

/** A request body, parsed. Unknown members are ignored. */
export type Body = Readonly<Record<string, unknown>>;

/** One way to ask the model. */
export interface GenerationApi {
  readonly path: string;
  /** @throws VllmError with vLLM's status and body: missing or bad members, too long a prompt. */
  read(body: Body, limits: ModelLimits): ModelRequest;
  /** An error's body where the API has its own. */
  readonly error?: (error: VllmError) => unknown;
}
