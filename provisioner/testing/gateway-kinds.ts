import { findGatewayDefinitions, kubectl } from '#loadtest/cluster/testing/gateway-definitions.ts';
import { findKubelab } from '#loadtest/cluster/testing/kubelab.ts';
import { skipUnless } from '#shared/testing/skips.ts';

/** A real API server and the Gateway API's definitions, or the options that skip what needs them, with the reason. */
export async function findGatewayApi(): Promise<{ binary: string; definitions: string[]; unless: { skip: boolean } }> {
  try {
    const binary = await findKubelab({ build: process.env['FAIRWAY_REQUIRE'] === 'all' });
    return { binary, definitions: await findGatewayDefinitions(), unless: { skip: false } };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const what = `a real kube-apiserver with the Gateway API: ${reason}`;
    const how = 'npm test -- --all, which builds the one and downloads the other once per machine (Go ≥ 1.26)';
    return { binary: '', definitions: [], unless: skipUnless(false, { what, how }) };
  }
}

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
