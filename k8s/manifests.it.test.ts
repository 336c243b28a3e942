import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { manifestFiles } from './manifest-files.ts';

const folder = import.meta.dirname;

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

describe('the files to install by hand', () => {
  it.each(manifestFiles())('$path is what the provisioner would apply', async ({ path, text }) => {
    const written = await readFile(join(folder, path), 'utf8').catch(() => 'missing');
    expect(written, 'run: node k8s/write-manifests.ts').toBe(text);
  });

  it('are all made by the program', async () => {
    const entries = await readdir(folder, { recursive: true });
    const yaml = entries.filter((name) => name.endsWith('.yaml')).map((name) => name.replaceAll('\\', '/'));
    expect(yaml.toSorted()).toEqual(
      manifestFiles()
        .map(({ path }) => path)
        .toSorted(),
    );
  });

  it('hold the definition, the policy and its binding, each with the fence', () => {
    const objects = manifestFiles().flatMap(({ text }) => objectsOf(text));
    expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'CustomResourceDefinition dedicatedinferences.fairway.dev',
      'ValidatingAdmissionPolicy fairway-intent-seq',
      'ValidatingAdmissionPolicyBinding fairway-intent-seq',
    ]);
    expect(JSON.stringify(objects[0])).toContain('self.intentSeq >= oldSelf.intentSeq');
    expect(JSON.stringify(objects[2])).toContain('"Deny"');
  });
});
