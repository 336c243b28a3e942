import type { Logger } from '#shared/runtime/log.ts';
import type { TlsIdentity } from '#shared/runtime/tls/tls-files.ts';
import { kinds } from '../kube/kinds.ts';
import { leafIn, leafSecret } from '../manifests/leaf-secret.ts';
import { leafSecretName, systemNamespace } from '../manifests/names.ts';
import { find, type ClusterSight } from './look-at-cluster.ts';
import { SideTask } from './side-task.ts';

type Sight = Pick<ClusterSight, 'kube' | 'signal'>;

/** The certificate that is to take the place of the present one; null while that will do. */
export type LeafFor = (present: TlsIdentity | undefined) => Promise<TlsIdentity | null>;

/**
 * The certificate of routers' private listeners, as a Secret of the cluster. It is written over what was looked at alone:
 * whoever is behind gets a conflict, and finds another's certificate at the next look.
 */
export class LeafSecret {
  readonly #leafFor: LeafFor;
  readonly #log: Logger;
  readonly #task: SideTask;

  constructor(leafFor: LeafFor, log: Logger) {
    this.#leafFor = leafFor;
    this.#log = log;
    this.#task = new SideTask(`Secret ${systemNamespace}/${leafSecretName}`, log);
  }

  /** Issues it where it is due. */
  keep(sight: Sight): Promise<void> {
    return this.#task.run(sight.signal, async () => {
      const present = await find(sight, kinds.secret, { namespace: systemNamespace, name: leafSecretName });
      const leaf = await this.#leafFor(present === null ? undefined : leafIn(present));
      if (leaf === null) return;
      await sight.kube.apply(leafSecret(leaf), {
        resourceVersion: present?.metadata.resourceVersion,
        signal: sight.signal,
      });
      this.#log.info({ secret: `${systemNamespace}/${leafSecretName}` }, 'certificates.published');
    });
  }

  /** For `/readyz`. */
  warnings(): string[] {
    return this.#task.warnings();
  }
}
