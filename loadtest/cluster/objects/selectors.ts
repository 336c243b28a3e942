import { badRequest, notServed } from './api-error.ts';
import type { KubeObject } from './object.ts';

type Test = (object: KubeObject) => boolean;

/**
 * `labelSelector`: `a=b`, `a==b`, `a in (b,c)` and `a` (the label exists), joined by commas.
 * @throws ApiError 501 for `!=`, `notin` and `!a`.
 */
export function labelTest(text: string): Test {
  const tests = text.split(/,(?![^(]*\))/).map((part) => oneLabelTest(part.trim()));
  return (object) => tests.every((test) => test(object.metadata.labels ?? {}));
}

function oneLabelTest(part: string): (labels: Record<string, string>) => boolean {
  const equality = /^([\w./-]+)\s*==?\s*([\w.-]*)$/.exec(part);
  if (equality !== null) return (labels) => labels[equality[1] ?? ''] === equality[2];
  const among = /^([\w./-]+)\s+in\s+\(([^)]*)\)$/.exec(part);
  if (among !== null) {
    const values = new Set((among[2] ?? '').split(',').map((value) => value.trim()));
    return (labels) => values.has(labels[among[1] ?? ''] ?? '\0');
  }
  if (/^[\w./-]+$/.test(part)) return (labels) => labels[part] !== undefined;
  throw notServed(`the label selector "${part}" (equality, "in" and existence are)`);
}

/** `fieldSelector` over `metadata.name` and `metadata.namespace` with `=`. */
export function fieldTest(text: string): Test {
  const tests = text.split(',').map((part): Test => {
    const match = /^(metadata\.name|metadata\.namespace)==?([^=]*)$/.exec(part.trim());
    if (match === null) throw notServed(`the field selector "${part}" (metadata.name and metadata.namespace are)`);
    return ({ metadata }) => (match[1] === 'metadata.name' ? metadata.name : metadata.namespace) === match[2];
  });
  return (object) => tests.every((test) => test(object));
}

/** Both selectors of a request in one test. */
export function requestTest(query: URLSearchParams): Test {
  const tests: Test[] = [];
  const [labels, fields] = [query.get('labelSelector'), query.get('fieldSelector')];
  if (labels !== null && labels !== '') tests.push(labelTest(labels));
  if (fields !== null && fields !== '') tests.push(fieldTest(fields));
  return (object) => tests.every((test) => test(object));
}

/** A number in a query parameter. */
export function numberParam(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^\d{1,15}$/.test(text)) throw badRequest(`The query parameter ${name} must be a whole number, not "${text}".`);
  return Number(text);
}
