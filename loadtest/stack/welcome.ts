import type { DemoEndpoint } from './demo.ts';
import { kubeconfigOf } from './processes.ts';
import { stackPlace } from './stack-place.ts';
import { privateUrlOf, type Stack } from './stack.ts';

/** A command that a person can paste; the e2e test runs each. */
export interface PasteCommand {
  title: string;
  command: string;
}

/** Commands that this build serves, with addresses and tokens filled in. */
export function pasteCommands(stack: Stack, demo: DemoEndpoint): PasteCommand[] {
  const control = `${stack.controlUrl}/v2/dedicated-inferences`;
  const auth = `-H 'Authorization: Bearer ${stack.apiToken}'`;
  const json = `-H 'Content-Type: application/json'`;
  const use = `-H 'Authorization: Bearer ${demo.token}'`;
  const body = JSON.stringify({ model: demo.model, stream: true, messages: [{ role: 'user', content: 'Hello!' }] });
  const scaled = {
    spec: {
      model_deployments: [
        { accelerators: [{ scale: 3, type: 'prefill_decode', accelerator_slug: 'gpu-h100x1-80gb' }] },
      ],
    },
  };
  return [
    {
      title: 'Stream a completion',
      command: `curl -N ${stack.inferenceUrl}/v1/chat/completions ${use} ${json} -d '${body}'`,
    },
    {
      title: 'Ask its private address, over TLS',
      command: `curl --cacert ${stack.caFile} ${privateUrlOf(stack.plan, demo.endpointId)}/v1/models ${use}`,
    },
    { title: 'List the models of the endpoint', command: `curl ${stack.inferenceUrl}/v1/models ${use}` },
    { title: 'List endpoints', command: `curl ${control} ${auth}` },
    { title: 'See why the endpoint is as it is', command: `curl ${control}/${demo.endpointId} ${auth}` },
    {
      title: 'Scale to 3 replicas',
      command: `curl -X PATCH ${control}/${demo.endpointId} ${auth} ${json} -d '${JSON.stringify(scaled)}'`,
    },
    { title: 'Delete it', command: `curl -X DELETE ${control}/${demo.endpointId} ${auth}` },
  ];
}

/** The variables that the README's examples use, for a shell. */
export function exportLines(stack: Stack, demo: DemoEndpoint): string[] {
  const values = {
    FAIRWAY_CONTROL_URL: stack.controlUrl,
    FAIRWAY_API_TOKEN: stack.apiToken,
    FAIRWAY_NATS_URL: stack.plan.nats.urlOf({ role: 'team', team: stackPlace.team }),
    FAIRWAY_INFERENCE_URL: stack.inferenceUrl,
    FAIRWAY_TOKEN: demo.token,
    FAIRWAY_MODEL: demo.model,
    FAIRWAY_ENDPOINT_ID: demo.endpointId,
  };
  return Object.entries(values).map(([name, value]) => `export ${name}='${value}'`);
}

/** What is real here and what is not. */
function simulated({ plan }: Stack): string[] {
  const { cluster } = plan.options;
  if (typeof cluster === 'object')
    return [
      `In the cluster of ${cluster.kubeconfig}: the endpoints' objects and replicas. Engine: ${plan.engine.about}.`,
      'On this machine: NATS JetStream, Redis, the APIs, the provisioner and the router.',
    ];
  const real = cluster === 'real';
  const kubernetes = real ? 'etcd, kube-apiserver, controllers, scheduler' : 'the Kubernetes wire protocol';
  return [
    `Simulated here: GPUs and nodes. Engine: ${plan.engine.about}.`,
    `Real: NATS JetStream, Redis, every Fairway process, ${kubernetes}, sockets and streams.`,
    real
      ? `NetworkPolicy is not enforced: no network plug-in runs. For kubectl: export KUBECONFIG='${kubeconfigOf(plan)}'`
      : 'The embedded cluster does not enforce NetworkPolicy, quotas or RBAC; a real one: --cluster real.',
  ];
}

/** The text that ends the start. */
export function welcome(stack: Stack, demo: DemoEndpoint): string {
  const commands = pasteCommands(stack, demo).map(({ title, command }) => `# ${title}\n${command}`);
  return [
    '',
    'Addresses, tokens and names, as the examples of README.md use them:',
    '',
    ...exportLines(stack, demo),
    '',
    `API description ${stack.controlUrl}/docs (for programs: /openapi.json)`,
    `State and logs  ${stack.folder}${stack.kept ? ' (kept)' : ' (removed at the end; --keep keeps it)'}`,
    '',
    ...simulated(stack),
    '',
    ...commands,
    '',
    'Ctrl-C ends it.',
  ].join('\n');
}
