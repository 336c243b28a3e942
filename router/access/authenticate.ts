import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { AppError } from '#shared/contract/errors.ts';
import type { PoolDocument, ProofPayload } from '#shared/contract/replica.ts';
import { hasTokenForm } from '#shared/runtime/access-token.ts';
import { keyedHash, type HashKey } from '#shared/runtime/keyed-hash.ts';
import type { AccessDirectory, Grant, Listener } from '../edge/access-directory.ts';
import type { PoolDirectory } from '../edge/pool-directory.ts';
import { holds } from '../edge/networks.ts';
import { isProof, verifyProof } from './proof.ts';

/** Who calls: a client with a token, or the provisioner with a probe credential. */
export type Caller =
  | ({ readonly kind: 'token' } & Grant)
  | {
      readonly kind: 'proof';
      readonly endpointId: string;
      readonly pool: PoolDocument;
      readonly payload: ProofPayload;
    };

/** What is looked at of a request. */
export interface Asking {
  readonly headers: IncomingHttpHeaders;
  /** Whose address counts: a balancer between has to keep the client's. */
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/** What a caller is checked against. */
export interface Gate {
  readonly access: AccessDirectory;
  readonly pools: PoolDirectory;
  readonly tokenHashKey: HashKey;
  /** The listener that asks: it answers for its own host names. One that stands alone answers for all. */
  readonly listener?: Listener;
  /**
   * The router stands alone, in front of one endpoint: tokens are of any form and good behind every host name. `anyone`: who
   * comes without one that is known, by an address or as localhost, since any page of the web may have a name; `everyName`:
   * by a name, too.
   */
  readonly alone?: { readonly anyone?: Grant; readonly everyName?: boolean };
}

/** Longest token of any form that is looked at. */
const lengthMax = 1024;

/**
 * Finds out who calls, from memory alone. The token comes as `Authorization: Bearer` or `x-api-key`; it and the host
 * name must belong to the same endpoint, while a loopback or IP host lets the token alone select.
 * @throws AppError `invalid_api_key`, in the same words whatever is wrong, so that nobody learns which endpoints exist.
 */
export function authenticate(gate: Gate, { headers, socket }: Asking, now: number): Caller {
  const caller = gate.alone === undefined ? callerOf(gate, headers, now) : callerOfAlone(gate, headers, now);
  const networks = caller?.kind === 'token' ? caller.networks : undefined;
  if (networks !== undefined && !holds(networks, socket.remoteAddress)) throw new AppError('invalid_api_key');
  if (caller === undefined || !hostFits(gate, headers.host, caller.endpointId)) throw new AppError('invalid_api_key');
  return caller;
}

function callerOf(gate: Gate, headers: IncomingHttpHeaders, now: number): Caller | undefined {
  const credential = credentialsOf(headers).find((text) => isProof(text) || hasTokenForm('access', text));
  if (credential === undefined) return undefined;
  return isProof(credential) ? provedCaller(gate, credential, now) : tokenCaller(gate, credential, now);
}

function callerOfAlone(gate: Gate, headers: IncomingHttpHeaders, now: number): Caller | undefined {
  for (const credential of credentialsOf(headers)) {
    const caller = credential.length > lengthMax ? undefined : tokenCaller(gate, credential, now);
    if (caller !== undefined) return caller;
  }
  const { anyone, everyName = false } = gate.alone ?? {};
  const mayCome = anyone !== undefined && (everyName || isLocal(hostName(headers.host ?? '')));
  return mayCome ? { kind: 'token', ...anyone } : undefined;
}

/** Some clients send both, of which one may be for somebody else. */
function credentialsOf(headers: IncomingHttpHeaders): string[] {
  const bearer = /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1];
  return [bearer, headers['x-api-key']].filter((text) => typeof text === 'string');
}

function tokenCaller(gate: Gate, token: string, now: number): Caller | undefined {
  const grant = gate.access.grant(keyedHash(gate.tokenHashKey, token));
  if (grant === undefined || (grant.expiresAt !== undefined && Date.parse(grant.expiresAt) <= now)) return undefined;
  return { kind: 'token', ...grant };
}

function provedCaller(gate: Gate, credential: string, now: number): Caller | undefined {
  const proof = verifyProof(credential, (pool) => gate.pools.pool(pool), now);
  return proof && { kind: 'proof', endpointId: proof.payload.endpointId, ...proof };
}

/** Without a name it is the token that says which endpoint is meant: one that is not public is not there for the public. */
function hostFits({ access, listener, alone }: Gate, header: string | undefined, endpointId: string): boolean {
  if (alone !== undefined) return true;
  const host = hostName(header ?? '');
  if (isLocal(host)) return listener !== 'public' || access.document(endpointId)?.hosts.public !== undefined;
  const found = access.endpointOfHost(host);
  return found?.endpointId === endpointId && found.listener === (listener ?? found.listener);
}

/** A Host header without port and trailing dot, in lower case. */
function hostName(header: string): string {
  const bracketed = /^\[([^\]]*)\](:\d+)?$/.exec(header)?.[1];
  return bracketed ?? header.replace(/:\d*$/, '').replace(/\.$/, '').toLowerCase();
}

function isLocal(host: string): boolean {
  return host === 'localhost' || isIP(host) !== 0;
}
