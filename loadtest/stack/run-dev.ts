import { systemClock, type Clock } from '#shared/runtime/clock.ts';
import { createDemo, demoNameOf, streamCompletion, untilActive, type DemoPlace } from './demo.ts';
import type { StackOptions } from './options.ts';
import { prepareCluster, tellWhatIsLeft, untilInReach } from './prepare-cluster.ts';
import { createProgress } from './progress.ts';
import { startStack, writeReport, type Stack } from './stack.ts';
import { welcome } from './welcome.ts';

/**
 * `npm run dev`: starts the stack, creates the demo endpoint through the public API, waits until it is active, streams a
 * first completion, prints what to paste, and serves until the signal aborts (with --smoke: ends at once).
 */
export async function runDev(
  options: StackOptions,
  context: {
    signal: AbortSignal;
    out: (text: string) => void;
    clock?: Clock;
  },
): Promise<void> {
  const clock = context.clock ?? systemClock;
  const progress = createProgress(clock, context.out);
  const startedAt = clock.monotonic();
  let onRestart: () => void = () => {};
  const restarted = (name: string): void => {
    progress.step(`${name} is back`);
    onRestart();
  };
  const { signal } = context;
  await prepareCluster(options, { tell: (text) => progress.step(text), signal, clock });
  await using _left = tellWhatIsLeft(options, (text) => progress.plain(text));
  await using stack = await startStack(options, { ...progress, restarted }, clock);
  const place = demoPlace(stack, context.signal, clock);
  progress.step(
    `creating the endpoint "${demoNameOf(place.model)}" with ${options.replicas} replicas through ${stack.controlUrl}`,
  );
  const createdAt = clock.monotonic();
  const demo = await createDemo(place);
  await bothOrNeither(signal, [
    (until) => untilActive({ ...place, signal: until }, demo.endpointId, (text) => progress.step(text)),
    (until) => untilInReach(options, demo.endpointId, { clock, signal: until }),
  ]);
  progress.step(
    `endpoint is active, ${seconds(clock.monotonic() - createdAt)} after its creation; streaming a completion:`,
  );
  context.out('\n');
  const ttftMs = await streamCompletion(place, demo, context.out);
  context.out('\n\n');
  const firstTokenMs = clock.monotonic() - startedAt;
  progress.step(`first token after ${Math.round(ttftMs)} ms, ${seconds(firstTokenMs)} after the start`);
  await writeReport(stack, demo);
  if (options.smoke) return;
  onRestart = () => void writeReport(stack, demo).catch((error: unknown) => progress.step(`--json: ${String(error)}`));
  context.out(`${welcome(stack, demo)}\n`);
  if (!context.signal.aborted)
    await new Promise((resolve) => context.signal.addEventListener('abort', resolve, { once: true }));
  progress.plain('');
  progress.step('stopping');
}

/** Waits for all; the first that fails ends the others. */
async function bothOrNeither(signal: AbortSignal, work: ((until: AbortSignal) => Promise<unknown>)[]): Promise<void> {
  const failed = new AbortController();
  const until = AbortSignal.any([signal, failed.signal]);
  await Promise.all(work.map((each) => each(until))).finally(() => failed.abort());
}

function demoPlace(stack: Stack, signal: AbortSignal, clock: Clock): DemoPlace {
  const { controlUrl, apiToken, inferenceUrl, folder } = stack;
  const { options, engine } = stack.plan;
  const { replicas } = options;
  return { controlUrl, apiToken, inferenceUrl, folder, replicas, model: engine.model, clock, signal };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
