import { createInterface } from 'node:readline';

/** How a process of the benchmark talks with the one that has started it: lines of JSON. Its job is the first that it hears. */
const input = createInterface({ input: process.stdin });
// Nothing outlives the benchmark, however that ends.
input.once('close', () => process.kill(process.pid));
const lines = input[Symbol.asyncIterator]();

/** The next line. @throws when there is none: whoever started it is gone. */
export async function hear<T>(): Promise<T> {
  const { value, done } = await lines.next();
  if (done === true) throw new Error('the benchmark has ended');
  return JSON.parse(value) as T;
}

/** Says a line. */
export function say(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
