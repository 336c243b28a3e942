import { findGatewayDefinitions, kubectl } from '#loadtest/cluster/testing/gateway-definitions.ts';
import { findKubelab, type FoundKubelab } from '#loadtest/cluster/testing/kubelab.ts';
import { skipUnless } from '#shared/testing/skips.ts';

/** A real API server and the Gateway API's definitions, or the options that skip what needs them, with the reason. */
export async function findGatewayApi(): Promise<FoundKubelab & { definitions: string[] }> {
  const found = await findKubelab('a real kube-apiserver with the Gateway API');
  if (found.unless.skip) return { ...found, definitions: [] };
  try {
    return { ...found, definitions: await findGatewayDefinitions() };
  } catch (error) {
    const what = `the Gateway API on a real kube-apiserver: ${error instanceof Error ? error.message : String(error)}`;
    return {
      ...found,
      definitions: [],
      unless: skipUnless(false, { what, how: 'npm test -- --all, which downloads it' }),
    };
  }
}

/** Installs the kinds of the Gateway API on a real cluster, as an operator does; counts on them a moment later. */
export async function installGatewayApi(
  cluster: { binaries: string; kubeconfigPath: string },
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
