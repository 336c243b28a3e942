/** Hands on what the routers of one machine say to each other: to all, the one that says it too, or to one of them. */
export class LedgerRelay {
  readonly #members = new Map<string, (text: string) => void>();

  /** Until the returned function is called. */
  join(router: string, hear: (text: string) => void): () => void {
    this.#members.set(router, hear);
    return () => {
      if (this.#members.get(router) === hear) this.#members.delete(router);
    };
  }

  say(text: string, to?: string): void {
    if (to !== undefined) return this.#members.get(to)?.(text);
    for (const hear of this.#members.values()) hear(text);
  }
}
