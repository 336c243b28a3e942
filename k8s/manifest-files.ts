import { fenceBinding, fencePolicy, resourceDefinition } from '../provisioner/manifests/fence.ts';
import { leafSecretName, systemNamespace } from '../provisioner/manifests/names.ts';
import { certificateRoleName, provisionerRole } from '../provisioner/manifests/provisioner-role.ts';
import { sharedNamespace } from '../provisioner/manifests/namespace.ts';

/** One file of this folder: its path below it and its whole text. */
export interface ManifestFile {
  path: string;
  text: string;
}

const header = [
  '# Made by "node k8s/write-manifests.ts" from provisioner/manifests; a test compares the two.',
  '# JSON is YAML: kubectl reads this as it is.',
  '',
].join('\n');

/** Everything that an operator may install before the provisioner does it by itself. */
export function manifestFiles(): ManifestFile[] {
  return [
    { path: 'crds/dedicatedinferences.yaml', text: yaml([resourceDefinition()]) },
    { path: 'base/fence-policy.yaml', text: yaml([fencePolicy(), fenceBinding()]) },
    { path: 'base/router-certificate-role.yaml', text: yaml([sharedNamespace(), certificateRole()]) },
    { path: 'base/provisioner-role.yaml', text: yaml([sharedNamespace(), ...provisionerRole()]) },
  ];
}

/** What it takes to keep the certificate of routers; a name cannot be asked of a create. */
function certificateRole(): object {
  const secrets = { apiGroups: [''], resources: ['secrets'] };
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name: certificateRoleName, namespace: systemNamespace },
    rules: [
      { ...secrets, resourceNames: [leafSecretName], verbs: ['get', 'patch'] },
      { ...secrets, verbs: ['create'] },
    ],
  };
}

function yaml(objects: readonly object[]): string {
  return `${header}${objects.map((object) => JSON.stringify(object, undefined, 2)).join('\n---\n')}\n`;
}
