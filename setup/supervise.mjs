import { spawn } from 'node:child_process';
import { argv, kill, stdin } from 'node:process';

/**
 * `node supervise.mjs program args…`: runs a long tool (npm, pip) so that it ends when set-up does. Standard input is
 * a pipe from set-up; when it closes, set-up was killed outright, and the tool goes with everything that it started: the
 * next set-up must not find it still writing.
 */
const [program, ...args] = argv.slice(2);
const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], detached: true });

function endTool(signal) {
  if (child.pid === undefined) return;
  try {
    kill(-child.pid, signal);
  } catch {
    // It has ended in this moment.
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => endTool('SIGTERM'));
stdin.resume().once('close', () => endTool('SIGKILL'));
child.once('error', (error) => {
  console.error(error.message);
  process.exitCode = 127;
  stdin.destroy();
});
child.once('exit', (code) => {
  process.exitCode = code ?? 1;
  endTool('SIGKILL');
  stdin.destroy();
});
