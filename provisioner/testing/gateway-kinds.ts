import { kubectl } from '#loadtest/cluster/testing/gateway-definitions.ts';

/** Installs the kinds of the Gateway API on a real cluster, as an operator does; counts on them a moment later. */
export async function installGatewayApi(
  cluster: { binary: string; kubeconfigPath: string },
  folders: readonly string[],
): Promise<void> {
  const names = [
    'gatewayclasses.gateway.networking.k8s.io',
    'gateways.gateway.networking.k8s.io',
    'httproutes.gateway.networking.k8s.io',
    'inferencepools.inference.networking.k8s.io',
  ].map((name) => `crd/${name}`);
  await kubectl(cluster, ['apply', '--server-side', ...folders.flatMap((folder) => ['-f', folder])]);
  await kubectl(cluster, ['wait', '--for=condition=Established', '--timeout=60s', ...names]);
}
