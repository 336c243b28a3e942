import { runLoad } from './command/run-load.ts';

const stop = new AbortController();
// A second one ends at once.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort(signal));
process.exitCode = await runLoad(process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  // A line that is written over and over is for people alone.
  progress: (text) => void (process.stderr.isTTY && process.stderr.write(`\r${text}\u001B[K`)),
  signal: stop.signal,
});
