/**
 * What a part of the body becomes in the prompt. `template` changes how the prompt is rendered (part of the salt),
 * the others stand in it in this order.
 */
export type SpanKind = 'template' | 'tools' | 'system' | 'messages';

/**
 * What routing reads out of a body, whatever the API calls it. Absent and `null` members are left out; of a number that
 * several members say it is the greatest, since engines differ in which of them wins.
 */
export interface RoutingFields {
  model?: string;
  stream?: boolean;
  /** Most output tokens; Infinity asks for no bound. */
  maxTokens?: number;
  /** How many answers are asked for in one. */
  choices?: number;
  /** How many are computed for it, where an API lets one ask for more than are given. */
  candidates?: number;
  /** Names the conversation. */
  session?: string;
  /** Id of the answer that this one goes on from. */
  previous?: string;
  /** False if the engine is not to keep the answer. */
  kept?: boolean;
}

/** Reads the value (parsed JSON, never null) of a routing field. */
export type FieldReader = (value: unknown) => RoutingFields | 'wrong_type' | 'out_of_range';

/** Longest name of a member that can be told from others inside of a prompt. */
export const memberBytesMax = 64;

/** What a scan looks for in the top-level object of a body; one constant per dialect. */
export interface BodyRules {
  /** Routing fields by name. */
  readonly fields: ReadonlyMap<string, FieldReader>;
  /** Members that make the prompt, in prompt order; keys of one kind follow each other so, whatever their order in the body. */
  readonly spans: readonly { readonly key: string; readonly kind: SpanKind }[];
  /** The span whose list elements are prompts of their own, each answered with all the choices that are asked for. */
  readonly batch?: string;
  /** The member of a message that names its author, and the author whose first message begins a conversation. */
  readonly author: { readonly key: string; readonly user: string };
  /** Members of these names, at any depth inside a span, do not count: they change without changing the prompt. */
  readonly volatileKeys: readonly string[];
  /** Short elements (below one block) of the system prompt, a text of which begins with one of these, do not count. */
  readonly volatileTexts: readonly string[];
}

/** Bounds of one scan. */
export interface ScanLimits {
  /** Levels of nesting, the top-level object included. */
  readonly maxDepth: number;
  /** Bytes of the value of a routing field. */
  readonly maxValueBytes: number;
  /** Blocks per span; what follows does not count for routing. */
  readonly maxBlocks: number;
  /** Hashed bytes per block inside long texts. */
  readonly blockBytes: number;
}

export const defaultScanLimits: ScanLimits = {
  maxDepth: 256,
  maxValueBytes: 4096,
  maxBlocks: 16_384,
  blockBytes: 1024,
};
