import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';
import { redactFields, redactText } from './redact.ts';

/**
 * Structured logger; the first argument carries fields, the message is an event name like `intent.committed`. It has no
 * children: pino writes their fields without the masking.
 */
export type Logger = Pick<
  PinoLogger,
  'level' | 'isLevelEnabled' | 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'
>;

/** The levels that a logger knows, from most to least. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** Lines that wait for a reader of stdout that does not read; above this they are dropped, and the process goes on. */
const waitingBytesMax = 16 * 1024 * 1024;

/**
 * Creates the process's logger: JSON lines on stdout with ISO time and level as text. Secrets are masked by the name of
 * their member at any depth (errors and their causes included) and, in the finished line, by their form.
 */
export function createLogger(
  service: string,
  options: {
    level?: string;
    /** For tests. */
    destination?: DestinationStream;
  } = {},
): Logger {
  const settings = {
    level: options.level ?? 'info',
    base: { service, pid: process.pid },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }), log: redactFields },
    serializers: { err: (described: unknown) => described },
    hooks: { streamWrite: redactText },
  };
  return pino(settings, options.destination ?? pino.destination({ dest: 1, sync: false, maxLength: waitingBytesMax }));
}

/** A logger that writes nothing. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' });
}
