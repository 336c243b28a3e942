import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const keptOutput = 64 * 1024;
const supervise = fileURLToPath(new URL('supervise.mjs', import.meta.url));

/**
 * Runs a program to its end, without a shell. Never throws because of the program: `code` is its exit status, or null when
 * it could not start, was killed, or outlived `timeoutMs` (default 30 s); `output` is the end of both its streams.
 */
export function runTool(command, args, options = {}) {
  const { cwd, env, signal, timeoutMs = 30_000 } = options;
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(command, args, { cwd, env, signal, stdio: [options.stdin ?? 'ignore', 'pipe', 'pipe'] });
    // Not spawn's own time-out: its timer keeps us alive when the program could not start.
    const timer = setTimeout(() => child.kill(), timeoutMs);
    const end = (code) => {
      clearTimeout(timer);
      resolve({ code, output });
    };
    const keep = (chunk) => (output = (output + chunk).slice(-keptOutput));
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    child.once('error', (error) => {
      output ||= error.message;
      if (child.pid === undefined) end(null);
    });
    child.once('close', end);
  });
}

/** The same for a tool that takes long and writes much: it does not outlive us, however we end. */
export function runLongTool(command, args, options) {
  return runTool(process.execPath, [supervise, command, ...args], { ...options, stdin: 'pipe' });
}

/** The last line of a program's output that says something. */
export function lastLine(output) {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  return lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? 'no output';
}
