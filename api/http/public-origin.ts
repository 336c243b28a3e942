const hostForm = /^(\[[0-9a-fA-F:]+\]|[a-zA-Z0-9._-]+)(:\d{1,5})?$/;

/**
 * The origin under which the client reached us, for links in replies: `X-Forwarded-Proto` and `X-Forwarded-Host` of a
 * proxy in front, else `Host`. A value that cannot be a host name is passed over.
 */
export function publicOrigin(request: Request): string {
  const own = new URL(request.url);
  const first = (name: string): string | undefined => request.headers.get(name)?.split(',')[0]?.trim();
  const proto = first('x-forwarded-proto');
  const host = [first('x-forwarded-host'), first('host')].find((text) => text !== undefined && hostForm.test(text));
  const scheme = proto === 'http' || proto === 'https' ? `${proto}:` : own.protocol;
  return `${scheme}//${host ?? own.host}`;
}
