import { once } from 'node:events';
import { connect } from 'node:net';
import { z } from 'zod';

const podsSchema = z.object({
  items: z.array(
    z.object({
      spec: z.object({
        hostNetwork: z.boolean().optional(),
        containers: z.array(
          z.object({
            ports: z.array(z.object({ containerPort: z.int(), protocol: z.string().optional() })).optional(),
          }),
        ),
      }),
      status: z.object({ phase: z.string().optional(), podIP: z.string().optional() }).optional(),
    }),
  ),
});

/** What is seen of pods from this machine; `unknown` without a pod to try. */
export type Reach = 'reached' | 'unreached' | 'unknown';

/** So many pods are tried, and each for so long, milliseconds. */
const triesMax = 8;
const tryMs = 3000;

/** Whether a list of pods, as the API server gives it, has one whose address answers this machine; a refusal is an answer. */
export async function reachOf(podList: unknown): Promise<Reach> {
  const targets = podsSchema.parse(podList).items.flatMap(({ spec, status }) => {
    const port = spec.containers.flatMap(({ ports }) => ports ?? []).find(({ protocol }) => protocol !== 'UDP');
    const runs = status?.phase === 'Running' && spec.hostNetwork !== true;
    return runs && status.podIP !== undefined && port !== undefined
      ? [{ host: status.podIP, port: port.containerPort }]
      : [];
  });
  if (targets.length === 0) return 'unknown';
  const answers = await Promise.all(targets.slice(0, triesMax).map(isReached));
  return answers.includes(true) ? 'reached' : 'unreached';
}

async function isReached(target: { host: string; port: number }): Promise<boolean> {
  const socket = connect(target);
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(tryMs) });
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
  } finally {
    socket.destroy();
  }
}
