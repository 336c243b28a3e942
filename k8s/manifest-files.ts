import { fenceBinding, fencePolicy, resourceDefinition } from '../provisioner/manifests/fence.ts';

/** One file of this folder: its path below it and its whole text. */
export interface ManifestFile {
  path: string;
  text: string;
}

const header = [
  '# Made by "node k8s/write-manifests.ts" from provisioner/manifests/fence.ts; a test compares the two.',
  '# JSON is YAML: kubectl reads this as it is.',
  '',
].join('\n');

/** Everything that an operator may install before the provisioner does it by itself. */
export function manifestFiles(): ManifestFile[] {
  return [
    { path: 'crds/dedicatedinferences.yaml', text: yaml([resourceDefinition()]) },
    { path: 'base/fence-policy.yaml', text: yaml([fencePolicy(), fenceBinding()]) },
  ];
}

function yaml(objects: readonly object[]): string {
  return `${header}${objects.map((object) => JSON.stringify(object, undefined, 2)).join('\n---\n')}\n`;
}
