import { readFileSync } from 'node:fs';
import type { Script } from './scripted-upstream.ts';

/** An answer of a real engine, as it was recorded on a connection. */
export interface RecordedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Reads `recorded/<name>.http`: status line, headers, body. */
export function recordedAnswer(name: string): RecordedAnswer {
  const text = readFileSync(new URL(`recorded/${name}.http`, import.meta.url), 'utf8');
  const end = text.indexOf('\n\n');
  const [first = '', ...lines] = text.slice(0, end).split('\n');
  const headers = lines.map((line) => {
    const at = line.indexOf(':');
    return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()] as const;
  });
  return { status: Number(first.split(' ')[1]), headers: Object.fromEntries(headers), body: text.slice(end + 2) };
}

/** Plays one; its framing is the server's own. */
export function playing({ status, headers, body }: RecordedAnswer): Script {
  return ({ response }) => {
    const { 'content-length': _length, 'transfer-encoding': _encoding, ...kept } = headers;
    response.writeHead(status, kept);
    response.end(body);
  };
}
