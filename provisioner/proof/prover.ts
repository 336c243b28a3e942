import { rootCertificates } from 'node:tls';
import { Agent, request, type Dispatcher } from 'undici';
import { z } from 'zod';
import { proofTtlMs } from '#shared/contract/replica.ts';
import type { Clock } from '#shared/runtime/clock.ts';
import { proofKeyOf, signProof } from './proof-key.ts';
import type { ProofOutcome } from './proof-record.ts';

/** One proof: a completion of one token through a router, as a client would ask for it. */
export interface ProofRequest {
  endpointId: string;
  pool: string;
  specRevision: number;
  /** The replica to be proven, or null to prove the endpoint. */
  replicaId: string | null;
  /** Host name of the endpoint's listener. */
  host: string;
  /** Address of the router that is asked. */
  listenerUrl: string;
  model: string;
  signal: AbortSignal;
}

/** Proves replicas and endpoints. Never throws. */
export interface Prover {
  prove(proof: ProofRequest): Promise<ProofOutcome>;
}

/** What a prover needs. `timeoutMs` bounds one proof. */
export interface ProverOptions {
  provisionerKey: Uint8Array;
  clock: Clock;
  timeoutMs: number;
  /** Certificates in PEM that are trusted beside those that everybody trusts. */
  trusted?: () => readonly string[];
  dispatcher?: Dispatcher;
}

const overloadedSchema = z.object({ error: z.object({ code: z.literal('overloaded') }) });
const completionSchema = z.object({
  choices: z.array(z.unknown()).min(1),
  usage: z.object({ completion_tokens: z.int().min(1) }),
});

/** Makes a prover over HTTP. A proof holds only when a completion with at least one token of output came back. */
export function createProver(options: ProverOptions): Prover {
  const agentOf = trustingAgents(options.trusted ?? (() => []));
  return {
    async prove(proof) {
      try {
        return await ask({ dispatcher: agentOf(), ...options }, proof);
      } catch (error) {
        return {
          ok: false,
          reason: `no answer from the router: ${error instanceof Error ? error.message : String(error)}`,
        };
      }
    },
  };
}

/** An agent that trusts what is to be trusted now; another one once that has changed. */
function trustingAgents(trusted: () => readonly string[]): () => Dispatcher {
  let made: { ca: string; agent: Agent } | undefined;
  return () => {
    const own = trusted();
    const ca = own.join('');
    if (made?.ca !== ca) {
      void made?.agent.close();
      made = { ca, agent: new Agent(ca === '' ? {} : { connect: { ca: [...rootCertificates, ...own] } }) };
    }
    return made.agent;
  };
}

async function ask(options: ProverOptions, proof: ProofRequest): Promise<ProofOutcome> {
  const { endpointId, pool, specRevision, replicaId } = proof;
  const payload = { endpointId, pool, specRevision, replicaId, expiresAt: options.clock.now() + proofTtlMs };
  const response = await request(new URL('/v1/chat/completions', proof.listenerUrl), {
    method: 'POST',
    headers: {
      host: proof.host,
      'content-type': 'application/json',
      authorization: `Bearer ${signProof(payload, proofKeyOf(options.provisionerKey, pool).privateKey)}`,
    },
    body: JSON.stringify({ model: proof.model, messages: [{ role: 'user', content: 'ping' }], max_tokens: 1 }),
    signal: AbortSignal.any([proof.signal, AbortSignal.timeout(options.timeoutMs)]),
    ...(options.dispatcher !== undefined && { dispatcher: options.dispatcher }),
  });
  const text = await response.body.text();
  if (response.statusCode !== 200) {
    const reason = `the router answered ${response.statusCode}: ${text.slice(0, 300)}`;
    return { ok: false, reason, busy: isOverloaded(text) };
  }
  const completion = completionSchema.safeParse(JSON.parse(text));
  return completion.success
    ? { ok: true }
    : { ok: false, reason: 'the answer is not a completion with a token of output' };
}

function isOverloaded(text: string): boolean {
  try {
    return overloadedSchema.safeParse(JSON.parse(text)).success;
  } catch {
    return false;
  }
}
