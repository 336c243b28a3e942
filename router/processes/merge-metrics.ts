/** One process's metrics, in Prometheus' text form. */
export interface ProcessMetrics {
  readonly process: string;
  readonly text: string;
}

/**
 * One text of the metrics of several processes, told apart by the label `process`: sums are the reader's, who also knows a
 * counter that begins anew. Each metric's lines stand together, as the form demands
 * (https://prometheus.io/docs/instrumenting/exposition_formats/).
 */
export function mergeMetrics(all: readonly ProcessMetrics[]): string {
  const families = new Map<string, { about: Set<string>; samples: string[] }>();
  for (const { process, text } of all) {
    let family = '';
    for (const line of text.split('\n').filter((one) => one !== '')) {
      family = /^# (?:HELP|TYPE) (\S+)/.exec(line)?.[1] ?? family;
      const known = families.get(family) ?? { about: new Set(), samples: [] };
      families.set(family, known);
      if (line.startsWith('#')) known.about.add(line);
      else known.samples.push(labelled(line, process));
    }
  }
  return [...families.values()].map(({ about, samples }) => `${[...about, ...samples].join('\n')}\n`).join('\n');
}

function labelled(line: string, process: string): string {
  return line.replace(
    /^([\w:]+)(\{?)/,
    (_, name: string, brace: string) => `${name}{process="${process}"${brace === '' ? '}' : ','}`,
  );
}
