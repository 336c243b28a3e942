/** Requests that a replica has, its queue included, as its metrics say; 0 if it does not answer. */
export async function requestsAt(url: string): Promise<number> {
  const text = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(2000) }).then(
    (response) => response.text(),
    () => '',
  );
  const [running, waiting] = ['running', 'waiting'].map((what) =>
    Number(new RegExp(`^vllm:num_requests_${what}\\{[^}]*\\} (\\S+)`, 'm').exec(text)?.[1]),
  );
  return (running || 0) + (waiting || 0);
}

/** A simulated replica takes `factor` times as long for each step from now on. @throws when it says no */
export async function slowDown(url: string, { key, factor }: { key: string; factor: number }): Promise<void> {
  const { ok, status } = await fetch(`${url}/fairway/faults`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ faults: [{ kind: 'slow', factor }] }),
  });
  if (!ok) throw new Error(`a replica was not to be slowed down: it answered ${status}`);
}
