import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { at } from '../objects/object.ts';
import type { KubeHttp } from '../client/kube-http.ts';

/** What an operator installs for a provisioner says what a provisioner may have to do. */
const roleFiles = ['provisioner-role.yaml', 'router-certificate-role.yaml'].map((name) =>
  join(import.meta.dirname, '../../../k8s/base', name),
);

const roleSchema = z.object({
  kind: z.enum(['ClusterRole', 'Role']),
  metadata: z.object({ namespace: z.string().optional() }),
  rules: z.array(
    z.object({
      apiGroups: z.array(z.string()),
      resources: z.array(z.string()),
      resourceNames: z.array(z.string()).optional(),
      verbs: z.array(z.string()),
    }),
  ),
});

/** One thing that somebody may do, as a SelfSubjectAccessReview asks for it. */
type Right = { group: string; resource: string; subresource?: string; verb: string; name?: string; namespace?: string };

/** So many questions are asked at the same time. */
const together = 16;
const timeoutMs = 10_000;

/** What a provisioner does and this user may not, as `resource.group: verbs` each. Groups that the cluster does not serve are left out. */
export async function missingRights(kube: KubeHttp, servedGroups: ReadonlySet<string>): Promise<string[]> {
  const rights = (await provisionerRights()).filter(({ group }) => servedGroups.has(group));
  const missing = new Map<string, string[]>();
  for (let first = 0; first < rights.length; first += together)
    await Promise.all(
      rights.slice(first, first + together).map(async (right) => {
        if (await allows(kube, right)) return;
        const { resource, subresource, group, namespace } = right;
        const path = subresource === undefined ? resource : `${resource}/${subresource}`;
        const name = `${path}${group === '' ? '' : `.${group}`}${namespace === undefined ? '' : ` in ${namespace}`}`;
        missing.set(name, [...(missing.get(name) ?? []), right.verb]);
      }),
    );
  return [...missing].map(([name, verbs]) => `${name}: ${verbs.toSorted().join(', ')}`).toSorted();
}

async function provisionerRights(): Promise<Right[]> {
  const texts = await Promise.all(roleFiles.map((file) => readFile(file, 'utf8')));
  const documents = texts.flatMap((text) => text.replaceAll(/^#.*$/gm, '').split(/^---$/m));
  const roles = documents.flatMap((text) => roleSchema.safeParse(JSON.parse(text)).data ?? []);
  return roles.flatMap(({ metadata: { namespace }, rules }) =>
    rules.flatMap(({ apiGroups: [group = ''], resources: [path = ''], resourceNames: [name] = [], verbs }) => {
      const [resource = '', subresource] = path.split('/');
      return verbs.map((verb) => ({
        group,
        resource,
        verb,
        ...(subresource !== undefined && { subresource }),
        ...(name !== undefined && { name }),
        ...(namespace !== undefined && { namespace }),
      }));
    }),
  );
}

async function allows(kube: KubeHttp, resourceAttributes: Right): Promise<boolean> {
  const kind = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview' };
  const path = `/apis/${kind.apiVersion}/selfsubjectaccessreviews`;
  const question = { body: { ...kind, spec: { resourceAttributes } }, signal: AbortSignal.timeout(timeoutMs) };
  const { body } = await kube.send('POST', path, question);
  return at(body, 'status', 'allowed') === true;
}
