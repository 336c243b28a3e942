import { ConfigError } from '#shared/runtime/config-error.ts';

/** An OpenAI-compatible server, as a person names it. */
export interface UpstreamAddress {
  /** As it may be shown: no key, no `/v1`. */
  readonly url: string;
  readonly scheme: 'http' | 'https';
  readonly address: string;
  readonly port: number;
  /** What stands before `/v1`, without a slash at its end. */
  readonly basePath: string;
  /** Empty for a server that asks for none. */
  readonly key: string;
}

/**
 * Reads `http[s]://[:KEY@]host[:port][/path][/v1]`; `key` is that of upstreams that name none.
 * @throws ConfigError saying what does not fit, without the key.
 */
export function readUpstream(text: string, key: string): UpstreamAddress {
  const parsed = URL.parse(text);
  const scheme = parsed?.protocol.slice(0, -1);
  if (parsed === null || (scheme !== 'http' && scheme !== 'https'))
    throw new ConfigError(
      `The upstream "${shown(text)}" is no address of a server: write http://host:port or https://host/path.`,
    );
  if (parsed.search !== '' || parsed.hash !== '')
    throw new ConfigError(`The upstream "${shown(text)}" has something behind its path: leave out "?" and "#".`);
  const named = keyIn(parsed);
  if (named === undefined)
    throw new ConfigError(`The key in the upstream "${shown(text)}" cannot be read: write "%" as %25.`);
  const basePath = parsed.pathname.replace(/\/+$/, '').replace(/\/v1$/, '');
  return {
    url: `${scheme}://${parsed.host}${basePath}`,
    scheme,
    address: parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(parsed.port) || (scheme === 'https' ? 443 : 80),
    basePath,
    key: named || key,
  };
}

/** Empty where there is none; undefined for one that cannot be read. */
function keyIn({ password, username }: URL): string | undefined {
  try {
    return decodeURIComponent(password || username);
  } catch {
    return undefined;
  }
}

/** A text that may hold a key, at any place that it may have been written at by mistake, without it. */
function shown(text: string): string {
  return text
    .replace(/^([^/]*\/\/)?.*@/, '$1***@')
    .replace(/([?#]).*/, '$1***')
    .slice(0, 200);
}
