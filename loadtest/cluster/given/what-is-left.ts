import { KubeHttp } from '../client/kube-http.ts';
import { readKubeconfig } from '../client/kubeconfig.ts';
import type { JsonObject } from '../objects/object.ts';

const endpoints = 'dedicatedinferences.fairway.dev';
const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const policies = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';
const ours = 'labelSelector=fairway.dev%2Fendpoint';
const timeoutMs = 10_000;

/**
 * What Fairway has made in a cluster and left there, in words, and the commands that remove it; empty when that is nothing.
 * `kept`: whether the region's state is kept for another run. @throws when the API server does not tell.
 */
export async function whatIsLeft(kubeconfig: string, kept: boolean): Promise<string[]> {
  await using kube = new KubeHttp(await readKubeconfig(kubeconfig));
  const look = async (path: string): Promise<JsonObject | undefined> => {
    const { code, body } = await kube.send('GET', path, { signal: AbortSignal.timeout(timeoutMs) });
    if (code === 404) return undefined;
    if (code !== 200) throw new Error(`${path} answered ${code}`);
    return body;
  };
  const count = async (path: string): Promise<number> => {
    const items = (await look(path))?.['items'];
    return Array.isArray(items) ? items.length : 0;
  };
  const [resources, pods, gateway, ...shared] = await Promise.all([
    count('/apis/fairway.dev/v1/dedicatedinferences'),
    count(`/api/v1/pods?${ours}`),
    look('/apis/gateway.networking.k8s.io/v1/gatewayclasses/fairway'),
    look('/api/v1/namespaces/fairway-system'),
    look(`${definitions}/${endpoints}`),
    look(`${policies}/fairway-intent-seq`),
  ]);
  if (shared.every((object) => object === undefined)) return [];
  const running = pods === 0 ? '' : `, with ${pods} pods, which go on running, and may cost`;
  const gatewayClass = gateway === undefined ? '' : ', GatewayClass fairway';
  return [
    `endpoints: ${resources}${running}; namespace fairway-system; the kind DedicatedInference and its admission policy${gatewayClass}.`,
    `${kept ? 'A run with the state that made them (--keep) takes them over.' : 'No later run takes them over, since this one was without --keep.'} These commands remove all of it:`,
    '',
    ...removal(kubeconfig, gateway !== undefined),
  ];
}

/** Commands that remove everything of Fairway's from a cluster; nobody is left to let go of the endpoints, hence the first. */
export function removal(kubeconfig: string, withGateway = false): string[] {
  const kubectl = `kubectl --kubeconfig '${kubeconfig}'`;
  const patch = `${kubectl} patch {} --type merge -p '{"metadata":{"finalizers":null}}'`;
  return [
    `${kubectl} get ${endpoints} -o name | xargs -I{} ${patch}`,
    `${kubectl} delete namespace -l fairway.dev/endpoint`,
    `${kubectl} delete crd ${endpoints}`,
    `${kubectl} delete validatingadmissionpolicybinding,validatingadmissionpolicy fairway-intent-seq`,
    ...(withGateway ? [`${kubectl} delete gatewayclass fairway`] : []),
    `${kubectl} delete namespace fairway-system`,
  ];
}
