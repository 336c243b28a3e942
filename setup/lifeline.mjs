import { Socket } from 'node:net';
import { env, kill, pid, ppid } from 'node:process';
import { isMainThread } from 'node:worker_threads';

/**
 * Loaded into the target before it starts (see launch.mjs). File descriptor 3 closes when set-up is gone; the target then
 * gets SIGTERM, and SIGKILL when it is still there 30 s later. The variable is removed, so that processes which inherit
 * our options or environment do not take their own descriptor 3 for it.
 */
const graceMs = 30_000;

if (isMainThread && env.FAIRWAY_LIFELINE === String(ppid)) {
  const lifeline = new Socket({ fd: 3, readable: true, writable: false });
  lifeline.on('error', () => undefined);
  lifeline.once('close', () => {
    setTimeout(() => kill(pid, 'SIGKILL'), graceMs).unref();
    kill(pid, 'SIGTERM');
  });
  lifeline.resume();
  lifeline.unref();
}
delete env.FAIRWAY_LIFELINE;
