import type { ShownOperation } from './api-document.ts';

/** The example of an operation as a command to paste; ids in the path are variables of the shell. */
export function curlOf({ method, path, requestBody }: ShownOperation): string {
  const body = requestBody?.content['application/json']?.example;
  const verb = method === 'GET' || (method === 'POST' && body !== undefined) ? '' : ` -X ${method}`;
  return [
    `curl${verb} "$FAIRWAY_CONTROL_URL${path.replaceAll(/\{(\w+)\}/g, '$$$1')}"`,
    '-H "Authorization: Bearer $FAIRWAY_API_TOKEN"',
    ...(body === undefined
      ? []
      : ["-H 'Content-Type: application/json'", `-d '${quoted(JSON.stringify(body, null, 2))}'`]),
  ].join(' \\\n  ');
}

/** A text as it stands between single quotes of a POSIX shell. */
function quoted(text: string): string {
  return text.replaceAll("'", String.raw`'\''`);
}
