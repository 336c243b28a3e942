/** What stands in the place of a secret. */
const mask = '***';

/** Bounds of one logged value: levels of nesting, members of a list or object, characters of a text. */
const bounds = { depth: 8, members: 100, characters: 8000 };

/** Names whose text is a secret, or a client's prompt; compared in lower case, without "-" and "_". */
const secretName =
  /^(value|body|pass|pwd|auth|prompt|messages|content|input|args)$|(authorization|cookie|token|password|passwd|passphrase|secret|credential|(private|api|upstream|hash|region|provisioner|seal|signing|encryption|access|master)key)s?$/;

/**
 * Secrets that can be told by their form wherever they stand, and what is left of them. Lines hold what strangers send:
 * no form may look at a letter more than a few times, however many beginnings of secrets there are.
 */
const secretForms: readonly [form: RegExp, left: string][] = [
  [/\b(bearer|basic)(\s+)[\w.~+/=-]{8,}/gi, `$1$2${mask}`],
  [/:\/\/[^\s/"'@\\]*@/g, `://${mask}@`],
  [/\b(fairway[a-z]*_)[0-9A-Za-z]{32,}(_[0-9A-Za-z]{6}\b)?/g, `$1${mask}`],
  [/\b(fairwayproof_)[\w-]+(\.[\w-]+)?/g, `$1${mask}`],
  [/\b(hf_|sk-|dop_v1_|ghp_|xox[a-z]-)[\w-]{16,}/g, `$1${mask}`],
  // One that is cut ends with its text.
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^"]*?(-----END [A-Z ]{0,40}PRIVATE KEY-----|(?=")|$)/g, mask],
];

/** A text without the secrets that can be told by their form: bearers, tokens, passwords of URLs, private keys. */
export function redactText(text: string): string {
  let rest = text;
  for (const [form, left] of secretForms) rest = rest.replace(form, left);
  return rest;
}

/** True for the name of a member whose text must not be shown. */
export function isSecretName(name: string): boolean {
  return secretName.test(name.toLowerCase().replaceAll(/[-_]/g, ''));
}

/**
 * A copy of logged fields that is safe to show, at any depth: texts under secret names are masked, errors become their
 * kind, message, stack and causes, bytes become their length; what is too deep, too long or too much is cut.
 */
export function redactFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return members(fields, 0);
}

function members(fields: object, depth: number): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const name of Object.keys(fields).slice(0, bounds.members)) {
    const value = read(fields, name);
    shown[name] = isSecretName(name) && hides(value) ? mask : shape(value, depth + 1);
  }
  return shown;
}

/** Counts and flags under a secret name (`{ token: 520 }`) tell nothing. */
function hides(value: unknown): boolean {
  return value !== undefined && value !== null && !['number', 'boolean', 'bigint', 'function'].includes(typeof value);
}

function read(fields: object, name: string): unknown {
  try {
    return Reflect.get(fields, name);
  } catch {
    return '[unreadable]';
  }
}

function shape(value: unknown, depth: number): unknown {
  if (typeof value === 'string')
    return value.length > bounds.characters ? `${value.slice(0, bounds.characters)}…` : value;
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth > bounds.depth) return '[deep]';
  if (value instanceof Error) return describeError(value, depth);
  if (Array.isArray(value)) return value.slice(0, bounds.members).map((item: unknown) => shape(item, depth + 1));
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof URL) return value.href;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (value instanceof Map || value instanceof Set) return `[${value.size} entries]`;
  return members(value, depth);
}

function describeError(error: Error, depth: number): Record<string, unknown> {
  const { cause } = error;
  return {
    type: error.name,
    message: shape(error.message, depth),
    stack: shape(error.stack, depth),
    ...members(error, depth),
    ...(error instanceof AggregateError && { errors: shape(error.errors, depth + 1) }),
    ...(cause !== undefined && { cause: shape(cause, depth + 1) }),
  };
}
