/** What the router reads from a request. Absent and `null` members are left out. */
export interface RequestFields {
  model?: string;
  stream?: boolean;
  /** The greater one of `max_tokens` and `max_completion_tokens`: engines differ in which of them wins. */
  maxTokens?: number;
  /** How many choices are asked for. */
  n?: number;
  /** `stream_options.include_usage`. */
  includeUsage?: boolean;
  user?: string;
}

export const fieldKeys = [
  'model',
  'stream',
  'max_tokens',
  'max_completion_tokens',
  'n',
  'stream_options',
  'user',
] as const;
export type FieldKey = (typeof fieldKeys)[number];

/** The fields that a member sets; undefined if its value has the wrong type. `value` is parsed JSON. */
export function readField(key: FieldKey, value: unknown): RequestFields | undefined {
  if (value === null) return {};
  switch (key) {
    case 'model':
      return typeof value === 'string' ? { model: value } : undefined;
    case 'user':
      return typeof value === 'string' ? { user: value } : undefined;
    case 'stream':
      return typeof value === 'boolean' ? { stream: value } : undefined;
    case 'n':
      return isCount(value) && value > 0 ? { n: value } : undefined;
    case 'max_tokens':
    case 'max_completion_tokens':
      return isCount(value) ? { maxTokens: value } : undefined;
    case 'stream_options':
      return readStreamOptions(value);
  }
}

function readStreamOptions(value: unknown): RequestFields | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const includeUsage: unknown = Reflect.get(value, 'include_usage');
  if (includeUsage === undefined || includeUsage === null) return {};
  return typeof includeUsage === 'boolean' ? { includeUsage } : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
