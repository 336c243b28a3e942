import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { parseJson } from '#shared/runtime/parse-json.ts';
import { seededRandom } from '#shared/runtime/seeded-random.ts';
import { anthropic } from '../dialects/anthropic/routes.ts';
import { openAi } from '../dialects/openai/routes.ts';
import type { BodyRules, RoutingFields } from './body-rules.ts';
import { Scanner } from './scanner.ts';

/** `FAIRWAY_FUZZ_SEED` repeats a run, `FAIRWAY_FUZZ_RUNS` makes a longer one. */
const seed = Number(process.env['FAIRWAY_FUZZ_SEED'] ?? randomInt(2 ** 31));
const runs = Number(process.env['FAIRWAY_FUZZ_RUNS'] ?? 4000);
const rulesOfAll = [...openAi.routes, ...anthropic.routes].map(({ body }) => body);

/** Bodies as no client sends them: keys twice or escaped, values of any type, broken bytes. */
class BodyMaker {
  readonly #random: () => number;

  constructor(bodySeed: number) {
    this.#random = seededRandom(bodySeed);
  }

  below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  body(rules: BodyRules): Buffer {
    const keys = [...rules.fields.keys(), ...rules.spans.map(({ key }) => key), ...others];
    const members = Array.from({ length: this.below(8) }, () => `${this.#key(keys)}${this.#blank()}:${this.#value(3)}`);
    const text = `${this.#blank()}{${members.join(`${this.#blank()},`)}}${this.#blank()}`;
    const bytes = Buffer.from(text);
    for (let left = this.below(3) === 0 ? 1 + this.below(3) : 0; left > 0; left--) this.#damage(bytes);
    return this.below(10) === 0 ? bytes.subarray(0, this.below(bytes.length)) : bytes;
  }

  #damage(bytes: Buffer): void {
    const at = this.below(bytes.length);
    const marks = Buffer.from('{}[]",:\\u0 -e.\u0000\u001f\n');
    bytes[at] = this.below(3) === 0 ? this.below(256) : (marks[this.below(marks.length)] ?? 0);
  }

  #key(keys: readonly string[]): string {
    const key = keys[this.below(keys.length)] ?? '';
    const spelled = Array.from(key, (letter) =>
      this.below(40) === 0 ? `\\u00${letter.charCodeAt(0).toString(16).padStart(2, '0')}` : letter,
    );
    return `${this.#blank()}"${spelled.join('')}"`;
  }

  #value(depth: number): string {
    const list = (one: () => string): string => Array.from({ length: this.below(4) }, one).join(',');
    const kind = this.below(depth > 0 ? 12 : 10);
    if (kind === 10) return `[${list(() => this.#value(depth - 1))}${this.#blank()}]`;
    if (kind === 11) return `{${list(() => `${this.#key(others)}:${this.#value(depth - 1)}`)}}`;
    return `${this.#blank()}${atoms[this.below(atoms.length)]}${this.#blank()}`;
  }

  #blank(): string {
    return ['', '', '', ' ', '\n', '\t\r\n  '][this.below(6)] ?? '';
  }
}

const others = [
  'x',
  'model ',
  'Model',
  '__proto__',
  'toString',
  'role',
  'content',
  'include_usage',
  'a"b',
  'é',
  '',
].map((key) => JSON.stringify(key).slice(1, -1));
const atoms =
  String.raw`null true false 0 -0 -1 1 7 16 4096 1.0 1e2 1E400 0.5 12345678901234567890 "" "m" "16" "true" "null"
  "\u006d" "\"" "\\" "\ud83d" "é👍" "{" "}" "[1,2]" "\n\t" "model\":\"x" "x-anthropic-billing-header:"`.split(/\s+/);

const fieldNames = [
  'model',
  'stream',
  'maxTokens',
  'choices',
  'candidates',
  'session',
  'previous',
  'kept',
] as const satisfies readonly (keyof RoutingFields)[];

/** What the fields of a parsed body say, by the same readers. */
function fieldsOf(value: object, rules: BodyRules): RoutingFields | undefined {
  const all: RoutingFields = {};
  for (const [key, read] of rules.fields) {
    const given: unknown = Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : null;
    const said = given === null ? {} : read(given);
    if (typeof said === 'string') return undefined;
    for (const name of ['maxTokens', 'choices', 'candidates'] as const)
      if (all[name] !== undefined && said[name] !== undefined) said[name] = Math.max(all[name], said[name]);
    Object.assign(all, said);
  }
  return all;
}

test(`a body has the routing fields that JSON.parse finds, or is refused (seed ${seed}, ${runs} bodies)`, () => {
  const outcomes = { same: 0, refused: 0, broken: 0 };
  for (let run = 0; run < runs; run++) {
    const maker = new BodyMaker(seed + run);
    const rules = rulesOfAll[maker.below(rulesOfAll.length)];
    if (rules === undefined) throw new Error('no rules');
    const bytes = maker.body(rules);
    const scanner = new Scanner(rules);
    const step = 1 + maker.below(40);
    for (let at = 0; at < bytes.length; at += step) scanner.write(bytes.subarray(at, at + step));
    const scan = scanner.end();
    const value = parseJson(bytes.toString());
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    const shown = `FAIRWAY_FUZZ_SEED=${seed + run}: ${JSON.stringify(bytes.toString('latin1'))}`;
    if (!scan.ok) {
      outcomes.refused += 1;
      const isStructure = scan.code === 'invalid_json' || scan.code === 'not_an_object';
      if (isStructure) expect(isObject, shown).toBe(false);
      const isValue = scan.code === 'wrong_type' || scan.code === 'out_of_range';
      const isOnce = !bytes.includes('\\u00') && bytes.toString().split(scan.key ?? '').length === 2;
      if (isValue && isObject && isOnce) expect(fieldsOf(value, rules), shown).toBeUndefined();
      continue;
    }
    // Broken inside a number, a literal or an escape: an engine's parser refuses it.
    if (value === undefined) {
      outcomes.broken += 1;
      continue;
    }
    outcomes.same += 1;
    expect(isObject, shown).toBe(true);
    const right = fieldsOf(value as object, rules);
    const found = Object.fromEntries(fieldNames.flatMap((name) => (name in scan ? [[name, scan[name]]] : [])));
    expect(found, shown).toEqual(right);
    for (const [key, { json, start, end }] of scan.fields) {
      const parsed = (value as Record<string, unknown>)[key];
      expect([JSON.parse(json), JSON.parse(bytes.toString('utf8', start, end))], shown).toEqual([parsed, parsed]);
    }
  }
  expect(Math.min(outcomes.same, outcomes.refused)).toBeGreaterThan(runs / 10);
});
