/** What a look is about: one endpoint, or what the endpoints of a VPC share (its cluster). Either may wake the other. */
export type QueueKey = `endpoint:${string}` | `cluster:${string}`;

export const endpointKey = (endpointId: string): QueueKey => `endpoint:${endpointId}`;

export const clusterKey = (vpcId: string): QueueKey => `cluster:${vpcId}`;

/** The key, taken apart. */
export function readKey(key: string): { of: 'endpoint' | 'cluster'; id: string } {
  const [of, id = ''] = key.split(':', 2);
  return { of: of === 'cluster' ? 'cluster' : 'endpoint', id };
}
