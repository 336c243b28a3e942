import { lookAt } from '#loadtest/cluster/client/kubeconfig.ts';
import { z } from 'zod';

/** One replica of an endpoint as the cluster shows it. */
export interface ReplicaProcess {
  id: string;
  url: string;
  pid: number;
}

const podsSchema = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ uid: z.string(), annotations: z.record(z.string(), z.string()).optional() }),
      spec: z.object({
        containers: z.array(z.object({ ports: z.array(z.object({ containerPort: z.int() })).optional() })),
      }),
      status: z.object({ podIP: z.string().optional(), phase: z.string().optional() }).optional(),
    }),
  ),
});

/** The running replicas of an endpoint, read from the cluster like any client would. */
export async function listReplicas(kubeconfigPath: string, endpointId: string): Promise<ReplicaProcess[]> {
  const selector = encodeURIComponent(`fairway.dev/endpoint=${endpointId}`);
  const { items } = podsSchema.parse(await lookAt(kubeconfigPath, `/api/v1/pods?labelSelector=${selector}`));
  return items.flatMap(({ metadata, spec, status }) => {
    const pid = Number(metadata.annotations?.['fairway.dev/pid'] ?? 0);
    const port = metadata.annotations?.['fairway.dev/pod-port'] ?? spec.containers[0]?.ports?.[0]?.containerPort;
    if (pid === 0 || status?.podIP === undefined || port === undefined) return [];
    return [{ id: metadata.uid, url: `http://${status.podIP}:${port}`, pid }];
  });
}
