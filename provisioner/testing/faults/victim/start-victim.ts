import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { killChild } from '#shared/testing/process-signals.ts';
import type { ProvisionerLab } from '../../provisioner-lab.ts';
import { faultVariable, type Fault } from './fault.ts';

/** A provisioner that is a process of its own, and may strike itself. It ends with whoever started it. */
export interface Victim extends AsyncDisposable {
  pid: number;
  /** Of its operator's listener. */
  url: string;
  /** Resolves with the signal that ended it. */
  ended: Promise<NodeJS.Signals | null>;
  /** Resolves with the fields of the first line of its log that says this. */
  says(message: string): Promise<Record<string, unknown>>;
  /** SIGCONT. */
  wake(): void;
}

/** Starts it and waits until it serves. */
export async function startVictim(
  lab: Pick<ProvisionerLab, 'env'>,
  fault: Fault | undefined,
  env: Record<string, string> = {},
): Promise<Victim> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...process.env,
      FAIRWAY_INSTANCE_ID: 'victim',
      FAIRWAY_EXIT_ON_STDIN_END: '1',
      ...lab.env,
      ...env,
      ...(fault && { [faultVariable]: JSON.stringify(fault) }),
    },
  });
  const said = new Map<string, PromiseWithResolvers<Record<string, unknown>>>();
  const saying = (message: string): PromiseWithResolvers<Record<string, unknown>> => {
    const known = said.get(message) ?? Promise.withResolvers();
    said.set(message, known);
    return known;
  };
  createInterface({ input: child.stdout }).on('line', (line) => {
    const fields = JSON.parse(line) as Record<string, unknown>;
    saying(String(fields['msg'])).resolve(fields);
  });
  const exited = once(child, 'exit');
  const failed = exited.then(() => {
    throw new Error('the provisioner ended before it served');
  });
  const { url } = await Promise.race([saying('service.started').promise, failed]);
  failed.catch(() => {});
  return {
    pid: child.pid ?? 0,
    url: String(url),
    ended: exited.then(() => child.signalCode),
    says: (message) => saying(message).promise,
    wake: () => void child.kill('SIGCONT'),
    [Symbol.asyncDispose]: () => killChild(child),
  };
}
