/**
 * Hands on what the routers of one machine say to each other: to all others, or to one of them. Who says something hears an
 * empty text, which costs it less than its own words.
 */
export class LedgerRelay {
  readonly #members = new Map<string, (text: string) => void>();

  /** Until the returned function is called. */
  join(router: string, hear: (text: string) => void): () => void {
    this.#members.set(router, hear);
    return () => {
      if (this.#members.get(router) === hear) this.#members.delete(router);
    };
  }

  say(from: string, text: string, to?: string): void {
    this.#members.get(from)?.('');
    if (to !== undefined) return this.#members.get(to)?.(text);
    for (const [router, hear] of this.#members) if (router !== from) hear(text);
  }
}
