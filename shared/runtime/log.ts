import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';

/** Structured logger; the first argument carries fields, the message is an event name like `intent.committed`. */
export type Logger = PinoLogger;

const secretFields = [
  'authorization',
  'x-api-key',
  'apiKey',
  'token',
  'value',
  'password',
  'secret',
  'privateKey',
  'body',
  'upstreamKey',
];

/** How loggers are made; `destination` is for tests. */
export interface LogOptions {
  level?: string;
  destination?: DestinationStream;
}

/**
 * Creates the process's logger: JSON lines on stdout with ISO time, level as text and secrets redacted
 * at the first two levels of the logged fields.
 */
export function createLogger(service: string, options: LogOptions = {}): Logger {
  const settings = {
    level: options.level ?? 'info',
    base: { service, pid: process.pid },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: {
      paths: secretFields.flatMap((field) => [`["${field}"]`, `*["${field}"]`]),
      censor: '***',
    },
  };
  return options.destination === undefined ? pino(settings) : pino(settings, options.destination);
}

/** A logger that writes nothing. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' });
}
