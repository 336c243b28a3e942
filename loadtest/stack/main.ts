import { readStackOptions, UsageAskedError } from './options.ts';
import { runDev } from './run-dev.ts';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort(signal));
try {
  await runDev(readStackOptions(process.argv.slice(2)), {
    signal: stop.signal,
    out: (text) => process.stdout.write(text),
  });
} catch (error) {
  const said = error instanceof UsageAskedError || stop.signal.aborted;
  if (error instanceof UsageAskedError) process.stdout.write(`${error.message}\n`);
  else if (!said)
    process.stderr.write(`\nFairway could not start.\n${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = said ? 0 : 1;
}
