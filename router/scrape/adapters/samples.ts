interface Sample {
  readonly labels: ReadonlyMap<string, string>;
  readonly value: number;
}

/** Labels that narrow a sum: the value that each must have, where the series has the label at all. */
export interface SumRule {
  /** Series that this label tells apart add up; what is left of them are repeats of one figure, of which the greatest counts. */
  readonly of?: string;
  readonly where?: Readonly<Record<string, string>>;
}

/** Whatever counts more than this is no count of requests, tokens or blocks. */
export const absurd = 1e15;

/**
 * What Prometheus text says: of lines whose name nobody asks for no more than the name is read. A figure that is missing, no
 * number, negative or absurd in any of its series is unknown, which is not 0.
 */
export class Samples {
  readonly #text: string;
  /** Where the lines of each name go on behind it. */
  readonly #rests = new Map<string, number[]>();

  constructor(text: string) {
    this.#text = text;
    const nameForm = /[^{\s]+(?=[{\s])/y;
    for (let at = 0; at < text.length; at = this.#endOfLine(at) + 1) {
      if (text[at] === '#') continue;
      nameForm.lastIndex = at;
      const [name] = nameForm.exec(text) ?? [];
      if (name === undefined) continue;
      const rests = this.#rests.get(name);
      if (rests === undefined) this.#rests.set(name, [nameForm.lastIndex]);
      else rests.push(nameForm.lastIndex);
    }
  }

  /** All series of a name. */
  of(name: string): Sample[] {
    return (this.#rests.get(name) ?? []).map((at) => readRest(this.#text.slice(at, this.#endOfLine(at))));
  }

  #endOfLine(at: number): number {
    const end = this.#text.indexOf('\n', at);
    return end < 0 ? this.#text.length : end;
  }

  /** All series of the first of these names that occurs, added up. */
  sum(names: string | readonly string[], rule: SumRule = {}): number | undefined {
    const found = this.#first(names, rule);
    return (
      found &&
      known(
        found.reduce((sum, value) => sum + value, 0),
        absurd,
      )
    );
  }

  /** The mean of shares between 0 and 1 of the first of these names that occurs. */
  share(names: string | readonly string[], rule: SumRule = {}): number | undefined {
    const found = this.#first(names, rule);
    return found && known(found.reduce((sum, value) => sum + value, 0) / found.length, 1);
  }

  /** What one process says of itself; of several there is no such thing. */
  single(name: string): number | undefined {
    const [sample, ...others] = this.of(name);
    return sample === undefined || others.length > 0 ? undefined : known(sample.value, absurd);
  }

  #first(names: string | readonly string[], { of, where = {} }: SumRule): number[] | undefined {
    for (const name of typeof names === 'string' ? [names] : names) {
      const parts = new Map<string, number>();
      for (const [position, { labels, value }] of this.of(name).entries()) {
        if (Object.entries(where).some(([label, wanted]) => (labels.get(label) ?? wanted) !== wanted)) continue;
        if (!(value >= 0)) return undefined;
        const part = of === undefined ? String(position) : (labels.get(of) ?? '');
        parts.set(part, Math.max(parts.get(part) ?? 0, value));
      }
      if (parts.size > 0) return [...parts.values()];
    }
    return undefined;
  }
}

function known(value: number, max: number): number | undefined {
  return value >= 0 && value <= max ? value : undefined;
}

/** What stands behind a name in its line. */
function readRest(line: string): Sample {
  const labelsEnd = endOfLabels(line);
  const [value] = line.slice(labelsEnd).trim().split(/\s+/);
  const labels = new Map<string, string>();
  for (const [, label = '', text = ''] of line.slice(0, labelsEnd).matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g))
    labels.set(label, text);
  return { labels, value: value === undefined || value === '' ? NaN : Number(value) };
}

/** Right after the brace that closes the labels, if there are any; a brace within quotes does not. */
function endOfLabels(line: string): number {
  if (!line.startsWith('{')) return 0;
  return /^\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\}/.exec(line)?.[0].length ?? line.length;
}
