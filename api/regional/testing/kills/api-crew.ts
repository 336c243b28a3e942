import { spawnRegionalApi, type ApiProcess } from '../process.ts';

/** Several API processes of one region. Whoever is killed is started anew. */
export class ApiCrew implements AsyncDisposable {
  readonly #env: Record<string, string>;
  readonly #alive: ApiProcess[] = [];
  readonly #starting = new Set<Promise<void>>();
  kills = 0;

  private constructor(env: Record<string, string>) {
    this.#env = env;
  }

  /** Starts `size` of them. @throws when one does not start. */
  static async start(size: number, env: Record<string, string>): Promise<ApiCrew> {
    await using stack = new AsyncDisposableStack();
    const crew = stack.use(new ApiCrew(env));
    await Promise.all(Array.from({ length: size }, () => crew.#begin()));
    stack.move();
    return crew;
  }

  /** One that listens, chosen by a number from 0 to 1; undefined while none does. */
  url(choice: number): string | undefined {
    return this.#alive[Math.floor(choice * this.#alive.length)]?.url;
  }

  /** SIGKILL for one of them at once, and another one in its place. Without effect while none lives. */
  kill(choice: number): void {
    const [victim] = this.#alive.splice(Math.floor(choice * this.#alive.length), 1);
    if (victim === undefined) return;
    this.kills += 1;
    this.#track(victim.kill().then(() => this.#begin()));
  }

  /** Resolves when all of them listen. @throws when one did not start. */
  async whole(): Promise<void> {
    await Promise.all(this.#starting);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#starting);
    await Promise.all(this.#alive.map((api) => api[Symbol.asyncDispose]()));
  }

  async #begin(): Promise<void> {
    this.#alive.push(await spawnRegionalApi(this.#env));
  }

  #track(start: Promise<void>): void {
    this.#starting.add(start);
    start.then(
      () => this.#starting.delete(start),
      () => {},
    );
  }
}
