import type { Body } from './generation-api.ts';

/** Responses that are kept; the oldest goes. */
const keptResponses = 1000;

/** A response that can be asked for again. */
export interface KeptResponse {
  /** As it would be sent now. */
  body: Body;
  /** The conversation up to its end, in the shape of chat messages. */
  turns: readonly Body[];
  /** Ends a background response; undefined for one that was answered on its own connection. */
  cancel: (() => void) | undefined;
}

/** What `store` asks for. A replica keeps its own and knows nothing of another's. */
export class ResponseShelf {
  readonly #kept = new Map<string, KeptResponse>();

  keep(id: string, response: KeptResponse): void {
    this.#kept.set(id, response);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > keptResponses && oldest !== undefined) this.#kept.delete(oldest);
  }

  get(id: string): KeptResponse | undefined {
    return this.#kept.get(id);
  }
}
