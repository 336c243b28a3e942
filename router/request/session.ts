import type { IncomingHttpHeaders } from 'node:http';

/** Headers by which clients name a conversation: anybody's, and Claude Code's. */
const knownHeaders = ['x-session-id', 'x-claude-code-session-id'];

/**
 * The name of a request's conversation, where the client gives one: in its endpoint's `own` header, else in one of those
 * that clients are known for, else as its body `said`.
 */
export function sessionOf(
  headers: IncomingHttpHeaders,
  { own, said }: { own: string | undefined; said: string | undefined },
): string | undefined {
  const names = own === undefined ? knownHeaders : [own, ...knownHeaders];
  const given = names.map((name) => headers[name]).find((value) => typeof value === 'string' && value !== '');
  return typeof given === 'string' ? given : said;
}
