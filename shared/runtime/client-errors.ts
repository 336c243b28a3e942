import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';

/** An answer to bytes that are no HTTP request. */
export interface ClientErrorAnswer {
  status: 400 | 408 | 431;
  headers: Record<string, string>;
  body: string;
}

const reasons = { 400: 'Bad Request', 408: 'Request Timeout', 431: 'Request Header Fields Too Large' } as const;

/**
 * Answers what Node's HTTP parser refuses (bad syntax, headers that are too large or too slow) in the service's own
 * dialect instead of with an empty body, then closes the connection.
 */
export function answerClientErrors(server: Server, render: (status: 400 | 408 | 431) => ClientErrorAnswer): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
    const { headers, body } = render(status);
    const lines = Object.entries({
      ...headers,
      'content-length': String(Buffer.byteLength(body)),
      connection: 'close',
    });
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    socket.end(`HTTP/1.1 ${status} ${reasons[status]}\r\n${head}\r\n${body}`);
  });
}
