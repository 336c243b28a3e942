import { readSimConfig } from '#loadtest/sim/config.ts';
import { startSim } from '#loadtest/sim/service.ts';
import { beginStream, startScriptedUpstream, type ScriptedUpstream, type SeenRequest } from '../scripted-upstream.ts';
import { servedModel } from './sdk.ts';

/**
 * What happens to a request at the replica that gets it.
 * - `status`: it is refused
 * - `silent`: nothing comes, not even a head
 * - `cut`: the connection ends in the middle of the body
 * - `truncated`: the body ends as if it were complete
 * - `stuck`: nothing comes any more, and the connection stays open
 * - `late`: nothing comes after the head until the gate is opened; then the answer does
 */
export interface Fault {
  readonly kind: 'status' | 'silent' | 'cut' | 'truncated' | 'stuck' | 'late';
  /** How much of a stream comes first: what precedes its first content, or two pieces of that, too. */
  readonly content?: boolean;
  readonly status?: number;
  /** It strikes the first attempt alone; else every one. */
  readonly once?: boolean;
}

/** Two replicas that answer as a simulated engine does, until a fault strikes. */
export interface FaultyReplicas extends AsyncDisposable {
  readonly ports: readonly number[];
  /** Where the engine itself answers, to whoever asks. */
  readonly engineUrl: string;
  /** What strikes from now on; forgets what was seen. */
  strike(fault: Fault | undefined): void;
  /** Requests that have come since then, in order. */
  seen(): readonly SeenRequest[];
  openGate(): void;
}

/** Text of a stream, in any of the APIs, begins here. */
const content = /"(?:content|text|delta)":"[^"]/;
const piecesBefore = 2;

/** Starts both, and the engine behind them. */
export async function startFaultyReplicas(): Promise<FaultyReplicas> {
  await using stack = new AsyncDisposableStack();
  const flags = ['--port=0', `--model=${servedModel}`, '--time-scale=0.001', '--drain-timeout-ms=0'];
  const sim = stack.use(await startSim(readSimConfig(flags, {})));
  let fault: Fault | undefined;
  let seen: SeenRequest[] = [];
  let gate = Promise.withResolvers<void>();
  const serve = async (request: SeenRequest): Promise<void> => {
    seen.push(request);
    const struck = fault?.once === true && seen.length > 1 ? undefined : fault;
    if (struck?.kind === 'silent') return;
    const answer = await fetch(sim.url + request.path, {
      method: request.method,
      headers: { 'content-type': 'application/json' },
      body: request.method === 'POST' ? request.body : null,
    });
    await play(request, { answer, fault: struck, gate: gate.promise });
  };
  const replicas: ScriptedUpstream[] = [];
  for (let count = 0; count < 2; count += 1) replicas.push(stack.use(await startScriptedUpstream(serve)));
  const running = stack.move();
  return {
    ports: replicas.map(({ port }) => port),
    engineUrl: sim.url,
    strike(next) {
      fault = next;
      seen = [];
      gate = Promise.withResolvers<void>();
    },
    seen: () => seen,
    openGate: () => gate.resolve(),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function play(
  { response }: SeenRequest,
  { answer, fault, gate }: { answer: Response; fault: Fault | undefined; gate: Promise<void> },
): Promise<void> {
  const text = await answer.text();
  const type = answer.headers.get('content-type') ?? 'application/json';
  if (fault?.kind === 'status') {
    response.writeHead(fault.status ?? 500, { 'content-type': 'application/json' });
    return void response.end(
      JSON.stringify({ error: { message: 'Asked for.', type: 'asked_for', code: fault.status } }),
    );
  }
  if (!type.startsWith('text/event-stream')) {
    response.writeHead(answer.status, { 'content-type': type, 'content-length': Buffer.byteLength(text) });
    if (fault === undefined) return void response.end(text);
    return void response.write(text.slice(0, text.length / 2), () => response.destroy());
  }
  const events = text.split(/(?<=\n\n)/);
  const first = events.findIndex((event) => content.test(event));
  const before = fault === undefined ? events.length : first + (fault.content === true ? piecesBefore : 0);
  beginStream(response);
  const sent = new Promise((resolve) => response.write(events.slice(0, before).join('') || ': \n\n', resolve));
  if (fault?.kind === 'cut') return void sent.then(() => response.destroy());
  if (fault?.kind === 'stuck') return;
  if (fault?.kind === 'truncated') return void response.end();
  if (fault?.kind === 'late') await gate;
  response.end(events.slice(before).join(''));
}
