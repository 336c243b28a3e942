import { z } from 'zod';
import type { Logger } from '#shared/runtime/log.ts';
import type { CallWatch, ExternalCall } from '../external-calls.ts';

const faultSchema = z.strictObject({
  endpointId: z.string(),
  /** Calls that count; all of them when it is left out. */
  what: z.string().optional(),
  /** Which of them it is, counted from 1. */
  call: z.int().min(1),
  moment: z.enum(['before', 'after']),
  signal: z.enum(['SIGKILL', 'SIGSTOP']),
});

/** The signal that a provisioner sends to itself at one of its calls for an endpoint. */
export type Fault = z.infer<typeof faultSchema>;

/** The environment variable that carries it, as JSON. */
export const faultVariable = 'FAIRWAY_TEST_FAULT';

/** Reads it from the environment; undefined where nothing shall happen. */
export function readFault(): Fault | undefined {
  const text = process.env[faultVariable];
  return text === undefined ? undefined : faultSchema.parse(JSON.parse(text));
}

/**
 * Sends the signal at that call, once. A signal to oneself is taken before the next instruction: nothing more is done, or
 * nothing until SIGCONT. How a call ends at which the process was stopped is told in the log.
 */
export function faultAt(fault: Fault, log: Logger): CallWatch {
  let calls = 0;
  let stopped: ExternalCall | undefined;
  const isMeant = ({ endpointId, what }: ExternalCall): boolean =>
    endpointId === fault.endpointId && (fault.what === undefined || what === fault.what);
  const strike = (call: ExternalCall): void => {
    stopped = call;
    process.kill(process.pid, fault.signal);
  };
  return {
    before(call) {
      if (!isMeant(call)) return;
      calls += 1;
      if (calls === fault.call && fault.moment === 'before') strike(call);
    },
    after(call) {
      if (call === stopped) log.warn({ ...call }, 'victim.done');
      else if (isMeant(call) && calls === fault.call && fault.moment === 'after') strike(call);
    },
    failed(call, error) {
      if (call !== stopped) return;
      stopped = undefined;
      log.warn({ ...call, reason: String(error) }, 'victim.refused');
    },
  };
}
