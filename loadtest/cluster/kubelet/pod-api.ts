import { pause, type Clock } from '#shared/runtime/clock.ts';
import type { Logger } from '#shared/runtime/log.ts';
import { at, type JsonObject } from '../objects/object.ts';
import type { Pod } from '../objects/workloads.ts';
import { eventOf, type EventNote } from '../controllers/events.ts';
import type { KubeAnswer, KubeHttp } from '../client/kube-http.ts';
import { decodeSecret } from './resolve-command.ts';

/** What the kubelet shares among its pods to talk to the API server. */
export interface PodApiContext {
  kube: KubeHttp;
  clock: Clock;
  log: Logger;
}

const manager = { fieldManager: 'kubelet' };
const retryMs = { first: 100, longest: 2000 };

/** The API server as one pod's worker needs it: whatever must be said is said again until it is heard. */
export class PodApi {
  readonly #context: PodApiContext;
  readonly #path: string;
  readonly #pod: Pod;

  constructor(pod: Pod, context: PodApiContext) {
    this.#pod = pod;
    this.#context = context;
    const { namespace = '', name } = pod.metadata;
    this.#path = `/api/v1/namespaces/${namespace}/pods/${name}`;
  }

  now(): string {
    return `${new Date(this.#context.clock.now()).toISOString().slice(0, 19)}Z`;
  }

  /** Writes the status; the uid keeps it from a later pod of the same name. */
  async writeStatus(status: JsonObject, signal: AbortSignal): Promise<void> {
    const body = { metadata: { uid: this.#pod.metadata.uid }, status };
    await this.#insist(signal, (kube) => kube.mergePatch(`${this.#path}/status`, body, manager));
  }

  async annotate(annotations: Record<string, string>, signal: AbortSignal): Promise<void> {
    const body = { metadata: { uid: this.#pod.metadata.uid, annotations } };
    await this.#insist(signal, (kube) => kube.mergePatch(this.#path, body, manager));
  }

  /** Tells the API server that nothing of the pod is left: only now its object goes. */
  async finish(signal: AbortSignal): Promise<void> {
    const body = { gracePeriodSeconds: 0, preconditions: { uid: this.#pod.metadata.uid } };
    await this.#insist(signal, (kube) => kube.send('DELETE', this.#path, { body }));
  }

  async secrets(names: string[], signal: AbortSignal): Promise<Record<string, Record<string, string> | undefined>> {
    const found: Record<string, Record<string, string> | undefined> = {};
    for (const name of names) {
      const path = `/api/v1/namespaces/${this.#pod.metadata.namespace}/secrets/${name}`;
      const answer = await this.#insist(signal, (kube) => kube.send('GET', path));
      found[name] = answer?.code === 200 ? decodeSecret(answer.body) : undefined;
    }
    return found;
  }

  /** Best effort: an event that is lost is only missed by people. */
  async note(note: EventNote): Promise<void> {
    const event = eventOf(this.#pod, note, this.now());
    const path = `/api/v1/namespaces/${this.#pod.metadata.namespace}/events`;
    await this.#context.kube.send('POST', path, { body: event, query: manager }).catch(() => {});
  }

  /** Repeats on lost connections, 429 and 5xx, with growing pauses; any other answer is final. */
  async #insist(signal: AbortSignal, send: (kube: KubeHttp) => Promise<KubeAnswer>): Promise<KubeAnswer | undefined> {
    const { kube, clock, log } = this.#context;
    for (let waitMs = retryMs.first; !signal.aborted; waitMs = Math.min(waitMs * 2, retryMs.longest)) {
      const answer = await send(kube).catch(() => undefined);
      if (answer !== undefined && answer.code < 500 && answer.code !== 429) {
        if (answer.code >= 400 && answer.code !== 404)
          log.warn(
            { pod: this.#pod.metadata.name, code: answer.code, why: at(answer.body, 'message') },
            'kubelet.refused',
          );
        return answer;
      }
      await pause(clock, waitMs, signal);
    }
    return undefined;
  }
}
