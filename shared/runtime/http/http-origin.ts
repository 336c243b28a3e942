/** `scheme://host:port`, with the brackets that an IPv6 address has in a URL (RFC 3986 §3.2.2). */
export function httpOrigin(host: string, port: number, scheme: 'http' | 'https' = 'http'): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
