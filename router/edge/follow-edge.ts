import type { EdgeCopy } from './edge-copy.ts';
import type { EdgeSource, StartEdgeSource } from './edge-source.ts';
import { startFixedEdgeSource } from './fixed-edge-source.ts';
import { NatsEdgeSource, type NatsEdgeOptions } from './nats-edge-source.ts';
import { readEdgeFile, type EdgeMemory } from './state-file.ts';

/** Where access and pools come from: `start` if there is one, else a file, else NATS. */
export interface EdgeOrigin {
  readonly memory: EdgeMemory;
  readonly start: StartEdgeSource | undefined;
  readonly file: string | undefined;
  readonly nats: NatsEdgeOptions;
}

/** Starts from what is remembered, follows the source, and remembers what changes. @throws ConfigError for a file that does not fit. */
export async function followEdge(
  copy: EdgeCopy,
  { memory, start, file, nats }: EdgeOrigin,
  stack: AsyncDisposableStack,
): Promise<EdgeSource> {
  stack.defer(() => memory.flushed());
  const state = await memory.read(nats.vpcId);
  if (state !== undefined) copy.load(state);
  copy.onChange(() => memory.write(copy.state()));
  if (start !== undefined) return stack.use(start(copy));
  if (file !== undefined) return stack.use(startFixedEdgeSource(await readEdgeFile(file), copy));
  return stack.use(new NatsEdgeSource(nats, copy));
}
