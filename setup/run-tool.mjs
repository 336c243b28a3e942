import { spawn } from 'node:child_process';

const KEPT_OUTPUT = 64 * 1024;

/**
 * Runs a program to its end, without a shell and without standard input. Never throws because of the program: `code` is
 * its exit status, or null when it could not start, was killed, or outlived `timeoutMs` (default 30 s); `output` is the
 * end of both its streams.
 */
export function runTool(command, args, options = {}) {
  const { cwd, env, signal, timeoutMs = 30_000 } = options;
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(command, args, { cwd, env, signal, stdio: ['ignore', 'pipe', 'pipe'] });
    // Not spawn's own time-out: its timer keeps us alive when the program could not start.
    const timer = setTimeout(() => child.kill(), timeoutMs);
    const end = (result) => {
      clearTimeout(timer);
      resolve(result);
    };
    const keep = (chunk) => (output = (output + chunk).slice(-KEPT_OUTPUT));
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    child.once('error', (error) => end({ code: null, output: output || error.message }));
    child.once('close', (code) => end({ code, output }));
  });
}

/** The last line of a program's output that says something. */
export function lastLine(output) {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  return lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? 'no output';
}
