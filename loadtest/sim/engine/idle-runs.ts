/**
 * Consecutive blocks of one chain that were always used together. Positions count from the chain's first block, so a
 * run covers `blocks[from]` to `blocks[to − 1]` of the prompt that it was computed for.
 */
export class BlockRun {
  blocks: readonly number[];
  from: number;
  to: number;
  /** The run that ends where this one begins; none at the start of a chain. */
  parent: BlockRun | undefined;
  children = 0;
  /** Running requests that use it; they use every run before it, too. */
  holders = 0;
  older: BlockRun | undefined;
  younger: BlockRun | undefined;

  constructor({ blocks, from, to, parent }: Pick<BlockRun, 'blocks' | 'from' | 'to' | 'parent'>) {
    this.blocks = blocks;
    this.from = from;
    this.to = to;
    this.parent = parent;
  }

  get length(): number {
    return this.to - this.from;
  }

  /** Known by the hash of its first block, which covers everything before it. */
  get key(): number {
    return this.blocks[this.from] ?? Number.NaN;
  }

  /** Where `chain`, which contains this run's first block, leaves it, at most `limit`. Chained hashes allow bisection. */
  divergence(chain: readonly number[], limit: number): number {
    let known = this.from + 1;
    let open = Math.min(this.to, limit, chain.length);
    if (this.blocks[open - 1] === chain[open - 1]) return open;
    while (known < open - 1) {
      const middle = (known + open) >> 1;
      if (this.blocks[middle - 1] === chain[middle - 1]) known = middle;
      else open = middle;
    }
    return known;
  }
}

/** Runs that nobody uses, in order of their last use: a doubly linked list. */
export class IdleRuns {
  #oldest: BlockRun | undefined;
  #youngest: BlockRun | undefined;
  #blocks = 0;

  /** Blocks of all runs together. */
  get blocks(): number {
    return this.#blocks;
  }

  get oldest(): BlockRun | undefined {
    return this.#oldest;
  }

  /** Adds a run as the one that was used last. */
  add(run: BlockRun): void {
    this.#blocks += run.length;
    this.#link(run, this.#youngest);
  }

  /** Takes in the upper part of `run`, which was cut in two: its blocks are counted already. */
  addUpperPart(upper: BlockRun, run: BlockRun): void {
    this.#link(upper, run);
  }

  remove(run: BlockRun): void {
    this.#blocks -= run.length;
    this.#unlink(run);
  }

  /** Forgets the last `count` blocks of a run, and the run when none are left. */
  trim(run: BlockRun, count: number): void {
    run.to -= count;
    this.#blocks -= count;
    if (run.length === 0) this.#unlink(run);
  }

  #link(run: BlockRun, older: BlockRun | undefined): void {
    const younger = older === undefined ? this.#oldest : older.younger;
    run.older = older;
    run.younger = younger;
    if (older === undefined) this.#oldest = run;
    else older.younger = run;
    if (younger === undefined) this.#youngest = run;
    else younger.older = run;
  }

  #unlink(run: BlockRun): void {
    const { older, younger } = run;
    if (older === undefined) this.#oldest = younger;
    else older.younger = younger;
    if (younger === undefined) this.#youngest = older;
    else younger.older = older;
    run.older = undefined;
    run.younger = undefined;
  }
}
