/** One kind of request, and what it may cost as a multiple of what nginx takes for the same. */
export interface Cell {
  readonly name: string;
  /** Of a request, about: conversations grow. */
  readonly bodyBytes: number;
  /** Events with content of an answer. */
  readonly chunks: number;
  /** Requests under way at once: few, so that nobody's core is full and chunks are not read together. */
  readonly connections: number;
  /** Requests of one measurement. */
  readonly requests: number;
  /** ÷ nginx's: the CPU per request, or the time that is added to the first content of a direct connection. */
  readonly mark: number;
  readonly aim: number;
  /** One request after the other, also on a direct connection: what it adds to the first content. */
  readonly isAlone?: boolean;
}

/** From short questions to long contexts with long answers. */
export const cells: readonly Cell[] = [
  { name: '.4 KB/16', bodyBytes: 400, chunks: 16, connections: 8, requests: 1500, mark: 2.7, aim: 1.8 },
  { name: '78 KB/130', bodyBytes: 78_000, chunks: 130, connections: 8, requests: 240, mark: 2.4, aim: 1.7 },
  { name: '300 KB/16', bodyBytes: 300_000, chunks: 16, connections: 4, requests: 300, mark: 3.2, aim: 1.8 },
  { name: '408 KB/1,000', bodyBytes: 408_000, chunks: 1000, connections: 8, requests: 32, mark: 2, aim: 1.5 },
  { name: 'alone', bodyBytes: 400, chunks: 4, connections: 1, requests: 300, mark: 2.6, aim: 1.5, isAlone: true },
];

/** Most that is added to the first content of a request that is alone, milliseconds. */
export const addedMsMark = 0.3;
