import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { trackedFiles } from '#shared/testing/tidy-files.ts';
import { manifestFiles } from './manifest-files.ts';

const objectSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
});

/** The objects of a file: JSON documents between `---`, comments left out. */
function objectsOf(text: string): z.infer<typeof objectSchema>[] {
  return text
    .split('\n---\n')
    .map((part) => part.replaceAll(/^#.*$/gm, ''))
    .map((part) => objectSchema.parse(JSON.parse(part)));
}

describe('the files to install by hand (when they differ: node k8s/write-manifests.ts)', () => {
  it.each(manifestFiles())('$path is what the provisioner would apply', async ({ path: name, text }) => {
    await expect(text).toMatchFileSnapshot(name);
  });

  it('are all made by the program', () => {
    const files = trackedFiles(path.resolve(import.meta.dirname, '..')).map(({ name }) => name);
    const written = files.filter((name) => name.startsWith('k8s/') && name.endsWith('.yaml'));
    expect(written.toSorted()).toEqual(
      manifestFiles()
        .map((file) => `k8s/${file.path}`)
        .toSorted(),
    );
  });

  it('hold the definition, the policy and its binding, each with the fence, and a role', () => {
    const objects = manifestFiles().flatMap(({ text }) => objectsOf(text));
    expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'CustomResourceDefinition dedicatedinferences.fairway.dev',
      'ValidatingAdmissionPolicy fairway-intent-seq',
      'ValidatingAdmissionPolicyBinding fairway-intent-seq',
      'Namespace fairway-system',
      'Role fairway-router-certificate',
      'Namespace fairway-system',
      'ServiceAccount fairway-provisioner',
      'ClusterRole fairway-provisioner',
      'ClusterRoleBinding fairway-provisioner',
      'RoleBinding fairway-router-certificate',
    ]);
    expect(JSON.stringify(objects[0])).toContain('self.intentSeq >= oldSelf.intentSeq');
    expect(JSON.stringify(objects[2])).toContain('"Deny"');
  });
});
