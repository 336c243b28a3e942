import type { BlockList } from 'node:net';
import type { AccessDocument } from '#shared/contract/desired.ts';
import { networksOf } from './networks.ts';

type AccessToken = AccessDocument['tokens'][number];

/** Whom a token lets in where. */
export interface Grant extends Readonly<
  Pick<AccessToken, 'tokenId' | 'models' | 'expiresAt' | 'group' | 'flowHeader'>
> {
  readonly endpointId: string;
  readonly team: string;
  /** Where it may be used from; everywhere when left out. */
  readonly networks?: BlockList;
}

/** Where clients come in: from anywhere, or from inside of the VPC. */
export type Listener = keyof AccessDocument['hosts'];

/** Who may call which endpoint, in memory: one look-up per request, changed the moment a document changes. */
export class AccessDirectory {
  readonly #documents = new Map<string, AccessDocument>();
  readonly #grants = new Map<string, Grant>();
  readonly #hosts = new Map<string, { endpointId: string; listener: Listener }>();

  /** The newest document of an endpoint; tokens that it no longer names are out at once. */
  put(document: AccessDocument): void {
    this.remove(document.endpointId);
    const { endpointId, team, hosts, tokens } = document;
    this.#documents.set(endpointId, document);
    for (const { hash, networks, ...token } of tokens) {
      const within = networks === undefined ? {} : { networks: networksOf(networks) };
      this.#grants.set(hash, { endpointId, team, ...token, ...within });
    }
    for (const [listener, host] of hostsOf(hosts)) this.#hosts.set(host, { endpointId, listener });
  }

  /** The endpoint is gone: so are its tokens and host names. */
  remove(endpointId: string): void {
    const document = this.#documents.get(endpointId);
    if (document === undefined) return;
    this.#documents.delete(endpointId);
    for (const { hash } of document.tokens)
      if (this.#grants.get(hash)?.endpointId === endpointId) this.#grants.delete(hash);
    for (const [, host] of hostsOf(document.hosts))
      if (this.#hosts.get(host)?.endpointId === endpointId) this.#hosts.delete(host);
  }

  /** What the token with this keyed hash allows. */
  grant(hash: string): Grant | undefined {
    return this.#grants.get(hash);
  }

  /** The endpoint behind a host name (lower case, without port), and the listener that the name is of. */
  endpointOfHost(host: string): { endpointId: string; listener: Listener } | undefined {
    return this.#hosts.get(host);
  }

  document(endpointId: string): AccessDocument | undefined {
    return this.#documents.get(endpointId);
  }

  /** Ids of all endpoints. */
  endpointIds(): string[] {
    return [...this.#documents.keys()];
  }

  documents(): AccessDocument[] {
    return [...this.#documents.values()];
  }
}

function hostsOf({ public: outer, private: inner }: AccessDocument['hosts']): [Listener, string][] {
  return [
    ...(outer === undefined ? [] : [['public', outer.toLowerCase()] as [Listener, string]]),
    ['private', inner.toLowerCase()],
  ];
}
