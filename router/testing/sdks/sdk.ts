/** A request in no SDK's words. What is not said is not asked for. */
export interface Asked {
  readonly model?: string;
  readonly text: string;
  /** A PNG, base64. */
  readonly image?: string;
  /** Offers the tool of `weather`. */
  readonly tool?: boolean;
  /** Wants the form of `weather`. */
  readonly schema?: boolean;
  readonly reasons?: boolean;
  readonly logprobs?: boolean;
}

/** What an SDK's user got. */
export interface Seen {
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly { readonly name: string; readonly input: unknown }[];
  readonly finish: string | undefined;
  /** Tokens that came with a log-probability. */
  readonly logprobs: readonly string[];
  /** An error that the SDK hands over as if it were content. */
  readonly told?: unknown;
}

/** Who asks, and where. */
export interface Connection {
  readonly url: string;
  readonly key: string;
}

/** How one request is watched, and left. */
export interface Watch {
  readonly signal?: AbortSignal;
  /** Called with each piece of text that the user of a stream gets. */
  readonly onText?: () => void;
}

/** One request, streamed or whole, to its end. Rejects with what the SDK throws. */
export type Ask = (to: Connection, asked: Asked, watch: Watch) => Promise<Seen>;

/** What the APIs can carry beside text; an SDK that lacks one gives its users no way to ask for it. */
export type Feature = 'tool' | 'schema' | 'reasons' | 'image' | 'logprobs' | 'leaving';

/** One SDK with one API: a column of the matrix. Nothing is tried again, unless the SDK cannot be told so. */
export interface Sdk {
  readonly name: string;
  readonly features: readonly Feature[];
  readonly whole: Ask;
  readonly stream: Ask;
}

/** The model that every replica of the matrix serves. */
export const servedModel = 'test-model';

/** The one tool, and the one form, that is asked for. */
export const weather = {
  name: 'get_weather',
  description: 'The weather of a place.',
  schema: {
    type: 'object',
    properties: { city: { type: 'string' }, days: { type: 'integer' } },
    required: ['city', 'days'],
    additionalProperties: false,
  },
} as const;

/** Output tokens of every request, enough for a thought and a call. */
export const maxTokens = 60;
