import { spawn } from 'node:child_process';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2'];

/**
 * Starts the target under Node 24 and lives as long as it does: passes signals on, ends with its exit code or signal.
 * The target is in a session of its own, so that Ctrl-C reaches it exactly once, through us. It must not outlive us, nor
 * we the npm that started us: `lifeline.mjs`, loaded into both, ends a process whose parent is gone.
 */
export async function launch(context, { node, target, args, extraEnv }) {
  const env = { ...context.env, ...extraEnv, FAIRWAY_CACHE: context.cache };
  env.PATH = [path.dirname(node), path.join(context.root, 'node_modules', '.bin'), env.PATH]
    .filter(Boolean)
    .join(path.delimiter);
  env.NODE_COMPILE_CACHE ??= path.join(context.cache, 'compile');
  const lifeline = pathToFileURL(path.join(context.root, 'setup', 'lifeline.mjs')).href;
  const command = ['--import', lifeline, path.resolve(context.root, target), ...args];
  const child = spawn(node, command, { env, detached: true, stdio: 'inherit' });
  const stopForwarding = forwardSignals(child);
  if (context.env.npm_lifecycle_event) await import(lifeline);
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      stopForwarding();
      if (signal) process.kill(process.pid, signal);
      resolve(code ?? 1);
    });
  });
}

function forwardSignals(child) {
  const handlers = forwarded.map((signal) => [signal, () => child.kill(signal)]);
  handlers.push(['SIGTSTP', () => suspend(child)], ['SIGCONT', () => signalGroup(child, 'SIGCONT')]);
  for (const [signal, handler] of handlers) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}

/** Ctrl-Z: the target is in another session, so its group is stopped before we stop. */
function suspend(child) {
  signalGroup(child, 'SIGSTOP');
  process.kill(process.pid, 'SIGSTOP');
}

function signalGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended in this moment: its exit is on its way.
  }
}
