import { z } from 'zod';
import { flag, readConfig } from '#shared/runtime/read-config.ts';

/** Settings of the API server and the controllers. */
export const clusterEnv = z.object({
  FAIRWAY_CLUSTER_HOST: z.string().default('127.0.0.1').describe('address to listen on'),
  FAIRWAY_CLUSTER_PORT: z.coerce.number().int().min(0).max(65_535).default(0).describe('port; 0 takes a free one'),
  FAIRWAY_CLUSTER_STATE_DIR: z
    .string()
    .optional()
    .describe('folder that keeps the objects and the token; none: memory'),
  FAIRWAY_CLUSTER_KUBECONFIG: z.string().optional().describe('where the kubeconfig is written'),
  FAIRWAY_CLUSTER_HISTORY: z.coerce.number().int().min(10).default(5000).describe('events kept for late watches'),
  FAIRWAY_CLUSTER_BOOKMARK_MS: z.coerce
    .number()
    .int()
    .min(10)
    .default(60_000)
    .describe('milliseconds between bookmarks'),
  FAIRWAY_CLUSTER_KUBELET: flag.default(true).describe('run the kubelet inside this process (its pods end with it)'),
});
export type ClusterConfig = z.infer<typeof clusterEnv>;

export function readClusterConfig(env?: Record<string, string | undefined>): ClusterConfig {
  return readConfig(clusterEnv, env);
}
