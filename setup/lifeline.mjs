import { kill, pid } from 'node:process';

/**
 * Loaded into the target before it starts (see launch.mjs): nobody waits for a process whose parent was killed outright.
 * It then gets SIGTERM, and SIGKILL when it is still there 30 s later.
 */
const lookMs = 500;
const graceMs = 30_000;
const parent = process.ppid;

function look() {
  if (process.ppid === parent) return void setTimeout(look, lookMs).unref();
  setTimeout(() => kill(pid, 'SIGKILL'), graceMs).unref();
  kill(pid, 'SIGTERM');
}

look();
