import { z } from 'zod';
import { readConfig } from '#shared/runtime/read-config.ts';

const json = <S extends z.ZodType>(schema: S) =>
  z.string().transform((text, context): z.infer<S> => {
    try {
      return schema.parse(JSON.parse(text));
    } catch (error) {
      context.addIssue({ code: 'custom', message: `not the JSON that is expected: ${String(error)}` });
      return z.NEVER;
    }
  });

/** What every kubelet of processes can run. */
export const simulatedImages = { 'fairway/sim': ['{node}', '{repo}/loadtest/sim/main.ts'] };

/**
 * Image name without tag → command. `{node}` stands for this Node, `{repo}` for the project's folder, `{args}` for the
 * container's arguments and `{rest}` for all but the first; without either they stand at the end.
 */
const imageTable = z.record(z.string(), z.array(z.string()).min(1));

/** Settings of the kubelet. */
export const kubeletEnv = z.object({
  FAIRWAY_KUBELET_KUBECONFIG: z.string().describe('kubeconfig of the cluster'),
  FAIRWAY_KUBELET_NODES: z.coerce.number().int().min(0).max(1000).default(4).describe('nodes to play'),
  FAIRWAY_KUBELET_GPUS: z.coerce
    .number()
    .int()
    .min(0)
    .max(64)
    .default(8)
    .describe('GPUs of each maker that each node has'),
  FAIRWAY_KUBELET_LOG_DIR: z.string().optional().describe('folder for the logs of pods; none: they are dropped'),
  FAIRWAY_KUBELET_VOLUME_DIR: z.string().optional().describe('folder for what pods mount; none: nothing is mounted'),
  FAIRWAY_KUBELET_IMAGES: json(imageTable).default(simulatedImages).describe('JSON object: image name → command'),
  FAIRWAY_KUBELET_POD_ENV: json(z.record(z.string(), z.string()))
    .default({})
    .describe('JSON object: environment of all pods'),
  FAIRWAY_KUBELET_BACKOFF_MS: z.coerce.number().int().min(1).default(10_000).describe('first wait before a restart'),
  FAIRWAY_KUBELET_BACKOFF_MAX_MS: z.coerce
    .number()
    .int()
    .min(1)
    .default(300_000)
    .describe('longest wait before a restart'),
  FAIRWAY_KUBELET_STOP_MS: z.coerce
    .number()
    .int()
    .min(0)
    .default(5000)
    .describe('grace for pods when the kubelet stops'),
  FAIRWAY_KUBELET_ADDRESSES: z
    .enum(['auto', 'own', 'shared'])
    .default('auto')
    .describe('own: an address of 127.64.0.0/16 per pod (Linux); shared: 127.0.0.1 and a port per pod'),
});
export type KubeletConfig = z.infer<typeof kubeletEnv>;

export function readKubeletConfig(env?: Record<string, string | undefined>): KubeletConfig {
  return readConfig(kubeletEnv, env);
}
