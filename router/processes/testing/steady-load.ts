import { Agent, request } from 'node:http';

/** Clients that ask on and on. */
export interface SteadyLoad {
  /** Answers that came whole since the start. */
  readonly whole: () => number;
  /** What went wrong. */
  readonly errors: readonly string[];
  /** Lets every client end its request. */
  stop(): Promise<void>;
}

const body = JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'hi' }] });

/** Starts clients that stream one answer after the other; this share of them keeps its connection, the others connect each time. */
export function startSteadyLoad(url: string, clients: number, keeping = 0.5): SteadyLoad {
  const errors: string[] = [];
  let whole = 0;
  let stopped = false;
  const run = async (keepAlive: boolean): Promise<void> => {
    const agent = new Agent({ keepAlive, maxSockets: 1 });
    while (!stopped) {
      try {
        const text = await stream(url, agent);
        if (text.endsWith('data: [DONE]\n\n') && !text.includes('"error"')) whole += 1;
        else errors.push(`not whole: ${text.slice(-200)}`);
      } catch (error) {
        errors.push(String(error));
      }
    }
    agent.destroy();
  };
  const running = Array.from({ length: clients }, (_, at) => run(at < clients * keeping));
  return {
    whole: () => whole,
    errors,
    async stop() {
      stopped = true;
      await Promise.all(running);
    },
  };
}

function stream(url: string, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request(`${url}/v1/chat/completions`, { method: 'POST', agent }, (response) => {
      let text = response.statusCode === 200 ? '' : `"error" ${response.statusCode} `;
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.once('end', () => resolve(text));
      response.once('error', reject);
    });
    asking.once('error', reject);
    asking.setHeader('content-type', 'application/json');
    asking.end(body);
  });
}
