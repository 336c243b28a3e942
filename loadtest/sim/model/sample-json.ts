import { isRecord } from '#shared/runtime/is-record.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';

const words = 'amber basin cedar delta ember fjord grove haven'.split(' ');
/** Schemas may contain themselves. */
const deepest = 8;

/**
 * A value that fits a JSON schema, as far as models are asked for it: types, properties, items, `const`, `enum`,
 * `anyOf`, `$ref` within the schema, least and most of a number. Every property is there.
 */
export function sampleJson(schema: unknown, seed: number): unknown {
  const random = seededRandom(seed);
  const pick = (list: readonly unknown[]): unknown => list[Math.floor(random() * list.length)];
  const sample = (given: unknown, depth: number): unknown => {
    const part = resolve(schema, given);
    if (part['const'] !== undefined) return part['const'];
    if (Array.isArray(part['enum'])) return pick(part['enum']);
    const [variant]: unknown[] = [part['anyOf'], part['oneOf']].flatMap((list) => (Array.isArray(list) ? list : []));
    if (variant !== undefined) return sample(variant, depth);
    const type: unknown = Array.isArray(part['type']) ? part['type'][0] : part['type'];
    if (type === 'string') return pick(words);
    if (type === 'boolean') return random() < 0.5;
    if (type === 'integer' || type === 'number') return numberIn(part, random());
    if (type === 'null' || depth === deepest) return null;
    if (type === 'array') return [sample(part['items'], depth + 1)];
    const properties = isRecord(part['properties']) ? part['properties'] : {};
    return Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, sample(one, depth + 1)]));
  };
  return sample(schema, 0);
}

function numberIn(part: Readonly<Record<string, unknown>>, draw: number): number {
  const [least, most] = [Number(part['minimum'] ?? 0), Number(part['maximum'] ?? Number(part['minimum'] ?? 0) + 100)];
  return least + Math.floor(draw * (most - least + 1));
}

function resolve(root: unknown, given: unknown): Readonly<Record<string, unknown>> {
  if (!isRecord(given)) return {};
  const reference = given['$ref'];
  if (typeof reference !== 'string') return given;
  const names = reference.split('/').slice(1);
  const found = names.reduce<unknown>((at, name) => (isRecord(at) ? at[name] : undefined), root);
  return isRecord(found) ? found : {};
}
