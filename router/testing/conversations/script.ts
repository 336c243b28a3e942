import { seededRandom } from '#shared/runtime/seeded-random.ts';

/** One round of a coding agent: what the engine says, the tool that it calls, and what that gives. */
export interface Step {
  /** What the person says before it; the agent's own rounds have none. */
  readonly question?: string;
  readonly reasoning: string;
  readonly words: string;
  /** Without one the round is the last before the next question. */
  readonly call?: { readonly id: string; readonly name: string; readonly input: Readonly<Record<string, unknown>> };
  readonly result?: string;
  /** A screenshot beside the result, base64. */
  readonly picture?: string;
}

/** A tool as JSON schema describes it. */
export interface Tool {
  readonly name: string;
  readonly description: string;
  readonly parameters: object;
}

/** Text as coding agents send it, the same for the same seed. */
export class TextSource {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  number(below: number): number {
    return Math.floor(this.#random() * below);
  }

  prose(bytes: number): string {
    return this.#lines(bytes, () => `${this.#words(8 + this.number(14), ' ')}. `);
  }

  code(bytes: number): string {
    return this.#lines(bytes, () => {
      const name = `${this.#word()}${this.#word().replace(/^./, (letter) => letter.toUpperCase())}`;
      const indent = '  '.repeat(this.number(4));
      const lines = [
        `const ${name} = await this.#${this.#word()}.${this.#word()}({ ${this.#word()}: ${this.number(5000)} });`,
        `if (${name} === undefined) throw new Error('${this.#words(5, ' ')}');`,
        `/** ${this.#words(9, ' ')}. */`,
        `return ${name}.map(({ ${this.#word()} }) => ${this.#word()} + ${this.number(100)});`,
        `}`,
      ];
      return `${indent}${lines[this.number(lines.length)]}\n`;
    });
  }

  base64(bytes: number): string {
    return Buffer.from(Array.from({ length: bytes }, () => this.number(256))).toString('base64');
  }

  id(prefix: string): string {
    return `${prefix}${Array.from({ length: 24 }, () => this.number(36).toString(36)).join('')}`;
  }

  tool(): Tool {
    const properties = Object.fromEntries(
      Array.from({ length: 2 + this.number(4) }, () => [
        `${this.#word()}_${this.#word()}`,
        { type: this.number(3) === 0 ? 'number' : 'string', description: this.prose(60 + this.number(200)) },
      ]),
    );
    return {
      name: `${this.#word()}_${this.#word()}`,
      description: this.prose(400 + this.number(3000)),
      parameters: { type: 'object', properties, required: Object.keys(properties).slice(0, 1) },
    };
  }

  #word(): string {
    return words[this.number(words.length)] ?? '';
  }

  #words(count: number, between: string): string {
    return Array.from({ length: count }, () => this.#word()).join(between);
  }

  #lines(bytes: number, line: () => string): string {
    let text = '';
    while (text.length < bytes) text += line();
    return text.slice(0, bytes);
  }
}

const words =
  `the of and to in is that for it as with on be at by this from or are an error value request replica cache prefix
  router stream token block scanner message conversation endpoint pool session tool result function reading writing
  because should whether between without through after before implementation configuration deterministic bounded
  compare parse open close buffer length offset index limit retry timeout naïve größer 測試`.split(/\s+/);

/** A task of three questions in fifteen rounds, with results of 0.3 to 30 KB and one screenshot. */
export function scriptOf(seed: number): Step[] {
  const text = new TextSource(seed);
  return Array.from({ length: 15 }, (_, round): Step => {
    const step = {
      ...(round % 5 === 0 && { question: text.prose(100 + text.number(1500)) }),
      reasoning: text.prose(100 + text.number(900)),
      words: text.prose(20 + text.number(300)),
    };
    if (round % 5 === 4) return step;
    const input = { path: `/src/${text.id('')}.ts`, ...(text.number(3) === 0 && { new_string: text.code(900) }) };
    const result = text.code(300 * 100 ** (text.number(1000) / 1000));
    return {
      ...step,
      call: { id: text.id('call_'), name: 'read_file', input },
      result,
      ...(round === 7 && { picture: text.base64(150_000) }),
    };
  });
}
