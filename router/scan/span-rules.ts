/**
 * What a part of the body becomes in the prompt. `template` changes how the prompt is rendered (part of the salt),
 * the others stand in it in this order.
 */
export type SpanKind = 'template' | 'tools' | 'system' | 'messages';

/** Which top-level members of a request make the prompt: one constant per API dialect. */
export interface SpanRules {
  /** In prompt order; keys of one kind follow each other in this order, whatever their order in the body. */
  readonly spans: readonly { readonly key: string; readonly kind: SpanKind }[];
  /** Members of these names, at any depth inside a span, do not count: they change without changing the prompt. */
  readonly volatileKeys: readonly string[];
  /** Short elements (below one block) that contain one of these texts do not count. */
  readonly volatileTexts: readonly string[];
}

const volatileKeys = ['cache_control'] as const;

/** POST /v1/chat/completions. A leading message with the role system or developer is just a message. */
export const chatCompletionSpans: SpanRules = {
  spans: [
    { key: 'chat_template_kwargs', kind: 'template' },
    { key: 'chat_template', kind: 'template' },
    { key: 'reasoning_effort', kind: 'template' },
    { key: 'documents', kind: 'template' },
    { key: 'tools', kind: 'tools' },
    { key: 'functions', kind: 'tools' },
    { key: 'messages', kind: 'messages' },
  ],
  volatileKeys,
  volatileTexts: [],
};

/** POST /v1/completions: the prompt is text, a list of texts, or token ids. */
export const completionSpans: SpanRules = {
  spans: [{ key: 'prompt', kind: 'messages' }],
  volatileKeys,
  volatileTexts: [],
};

/** Bounds of one scan. */
export interface ScanLimits {
  /** Levels of nesting, the top-level object included. */
  readonly maxDepth: number;
  /** Bytes of a value that is read (model, user, stream_options …). */
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
