interface Sample {
  readonly name: string;
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
const absurd = 1e15;

/**
 * What Prometheus text says under some names: the only lines that are read. A figure that is missing, no number, negative
 * or absurd in any of its series is unknown, which is not 0.
 */
export class Samples {
  readonly #samples: Sample[] = [];

  constructor(text: string, names: ReadonlySet<string>) {
    for (let at = 0, end = 0; at < text.length; at = end + 1) {
      end = text.indexOf('\n', at);
      if (end < 0) end = text.length;
      if (text[at] === '#') continue;
      const sample = readLine(text.slice(at, end), names);
      if (sample !== undefined) this.#samples.push(sample);
    }
  }

  of(name: string): Sample[] {
    return this.#samples.filter((sample) => sample.name === name);
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

function readLine(line: string, names: ReadonlySet<string>): Sample | undefined {
  const nameEnd = line.search(/[{\s]/);
  const name = line.slice(0, Math.max(0, nameEnd));
  if (!names.has(name)) return undefined;
  const labelsEnd = line[nameEnd] === '{' ? endOfLabels(line, nameEnd) : nameEnd;
  const [value] = line.slice(labelsEnd).trim().split(/\s+/);
  const labels = new Map<string, string>();
  for (const [, label = '', text = ''] of line.slice(nameEnd, labelsEnd).matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g))
    labels.set(label, text);
  return { name, labels, value: value === undefined || value === '' ? NaN : Number(value) };
}

/** Right after the brace that closes the labels; a brace within quotes does not. */
function endOfLabels(line: string, start: number): number {
  const match = /^\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\}/.exec(line.slice(start));
  return match === null ? line.length : start + match[0].length;
}
