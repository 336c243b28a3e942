import { environment } from '#shared/runtime/environment.ts';
import { generate } from './generate.ts';
import { readLoadOptions, UsageAskedError } from './options.ts';

const stop = new AbortController();
const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** The first of them ends the asking; a second one finds nobody who listens, and ends the process. */
function onSignal(): void {
  for (const name of names) process.off(name, onSignal);
  stop.abort('stopped');
}
for (const name of names) process.on(name, onSignal);
const { stdout } = process;
const screen = { write: (text: string) => void stdout.write(text), ...(stdout.isTTY && { columns: stdout.columns }) };
try {
  await generate(readLoadOptions(process.argv.slice(2), environment()), { signal: stop.signal, screen });
} catch (error) {
  if (error instanceof UsageAskedError) stdout.write(`${error.message}\n`);
  else if (!stop.signal.aborted) process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof UsageAskedError || stop.signal.aborted ? 0 : 1;
}
