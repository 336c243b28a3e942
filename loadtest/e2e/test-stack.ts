import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import OpenAI from 'openai';
import {
  createReplySchema,
  resourceReplySchema,
  type CreateReply,
  type DedicatedInference,
} from '#shared/contract/resource.ts';
import { systemClock } from '#shared/runtime/clock.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { pauseProcess } from '#shared/testing/process-signals.ts';
import { listReplicas, type ReplicaProcess } from '#loadtest/stack/list-replicas.ts';
import type { StackOptions } from '#loadtest/stack/options.ts';
import { kubeconfigOf } from '#loadtest/stack/processes.ts';
import { createProgress } from '#loadtest/stack/progress.ts';
import { inferenceUrlOf, startStack, type Stack } from '#loadtest/stack/stack.ts';

/** An answer of the management API. */
export interface ApiAnswer {
  status: number;
  headers: Headers;
  body: unknown;
}

/** Body and headers of a call. */
export interface ApiCall {
  body?: unknown;
  headers?: Record<string, string>;
}

/** The model of every endpoint that tests create where models are simulated. */
export const testModel = 'fairway/test-model';

/** What a change gets to serve, milliseconds: real engines import and load for minutes where cores are few. */
const activeWithinMs = { sim: 90_000, 'llama.cpp': 300_000, vllm: 300_000 };

const quiet: StackOptions = {
  smoke: false,
  keep: undefined,
  replicas: 2,
  engine: 'sim',
  weights: undefined,
  vpcs: 1,
  routers: 1,
  regionals: 2,
  provisioners: 2,
  port: 0,
  json: undefined,
  cluster: 'embedded',
  timeScale: 0.1,
  leaseMs: 3000,
  drainTimeoutMs: 60_000,
};

/** Starts a stack on free ports. */
export async function startTestStack(options: Partial<StackOptions> = {}): Promise<TestStack> {
  const lines: string[] = [];
  const stack = await startStack(
    { ...quiet, ...options },
    createProgress(systemClock, (text) => void lines.push(text)),
  );
  return new TestStack(stack, lines);
}

/** A whole Fairway of a test's own, driven through its public addresses. */
export class TestStack implements AsyncDisposable {
  readonly stack: Stack;
  /** Of every endpoint that is created here. */
  readonly model: string;
  readonly #lines: string[];
  readonly #addresses: string[];
  #turn = 0;

  /** `lines` is what the stack says; its end is printed at the end, for whoever reads a failed run. */
  constructor(stack: Stack, lines: string[]) {
    this.stack = stack;
    const { options, engine } = stack.plan;
    this.model = options.engine === 'sim' ? testModel : engine.model;
    this.#lines = lines;
    this.#addresses = [stack.controlUrl, ...stack.plan.ports.regionals.map((port) => `http://127.0.0.1:${port}`)];
  }

  /** Calls the management API; every call goes to the next address: central, then each regional process in turn. */
  async api(method: string, path: string, call: ApiCall = {}): Promise<ApiAnswer> {
    this.#turn += 1;
    const response = await fetch(
      `${this.#addresses[this.#turn % this.#addresses.length]}/v2/dedicated-inferences${path}`,
      {
        method,
        headers: {
          authorization: `Bearer ${this.stack.apiToken}`,
          'content-type': 'application/json',
          ...call.headers,
        },
        ...(call.body !== undefined && { body: JSON.stringify(call.body) }),
        signal: AbortSignal.timeout(30_000),
      },
    );
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
  }

  /** Without `vpcId`, in the region's default VPC. */
  async create(name: string, scale: number, vpcId?: string): Promise<CreateReply> {
    const spec = { ...createSpec(name, scale, this.model), ...(vpcId !== undefined && { vpc: { uuid: vpcId } }) };
    const answer = await this.api('POST', '', { body: { spec } });
    if (answer.status !== 202) throw new Error(`POST answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return createReplySchema.parse(answer.body);
  }

  async get(endpointId: string): Promise<DedicatedInference> {
    const answer = await this.api('GET', `/${endpointId}`);
    if (answer.status !== 200) throw new Error(`GET answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return resourceReplySchema.parse(answer.body).dedicated_inference;
  }

  /** Waits until nothing is pending; with `ready` also until so many replicas are ready. */
  untilActive(endpointId: string, ready?: number): Promise<DedicatedInference> {
    const look = async (): Promise<DedicatedInference> => {
      const resource = await this.get(endpointId);
      const settled = resource.status === 'active' && resource.pending_deployment_spec === undefined;
      if (settled && (ready === undefined || resource.replicas.ready === ready)) return resource;
      const { status, phase, reason, message, replicas } = resource;
      throw new Error(`${status}, ${phase}, ${replicas.ready} ready, ${reason}: ${message}`);
    };
    const { engine } = this.stack.plan.options;
    return eventually(look, { timeoutMs: activeWithinMs[engine], everyMs: 50 });
  }

  scale(endpointId: string, scale: number): Promise<ApiAnswer> {
    return this.api('PATCH', `/${endpointId}`, {
      headers: { 'if-match': '*' },
      body: { spec: { model_deployments: [{ accelerators: [accelerator(scale)] }] } },
    });
  }

  /** A client of a VPC's inference address that does not retry: a failed request is seen as one. */
  openai(token: string, vpc = 0): OpenAI {
    const baseURL = `${inferenceUrlOf(this.stack.plan, vpc)}/v1`;
    return new OpenAI({ apiKey: token, baseURL, maxRetries: 0, timeout: 60_000 });
  }

  replicas(endpointId: string): Promise<ReplicaProcess[]> {
    return listReplicas(kubeconfigOf(this.stack.plan), endpointId);
  }

  pid(name: string): number {
    const found = this.stack.supervisor.list().find((process) => process.name === name);
    if (found === undefined) throw new Error(`${name} is not running`);
    return found.pid;
  }

  kill(name: string): void {
    process.kill(this.pid(name), 'SIGKILL');
  }

  /** Stops a process of the stack until it gets SIGCONT or SIGKILL, and gives its pid. */
  async pause(name: string): Promise<number> {
    const pid = this.pid(name);
    await pauseProcess(pid);
    return pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    process.stdout.write(this.#lines.slice(-12).join(''));
    if (process.env['FAIRWAY_SHOW_LOGS'] !== undefined) await showLogs(this.stack);
    await this.stack[Symbol.asyncDispose]();
  }
}

/** The spec of a test's endpoint. */
export function createSpec(name: string, scale: number, model = testModel): Record<string, unknown> {
  return {
    name,
    region: 'atl1',
    enable_public_endpoint: true,
    model_deployments: [{ model_slug: model, model_provider: 'hugging_face', accelerators: [accelerator(scale)] }],
  };
}

function accelerator(scale: number): Record<string, unknown> {
  return { scale, type: 'prefill_decode', accelerator_slug: 'gpu-h100x1-80gb' };
}

async function showLogs(stack: Stack): Promise<void> {
  for (const { name } of stack.supervisor.list()) {
    const text = await readFile(join(stack.folder, 'logs', `${name}.log`), 'utf8').catch(() => '');
    process.stdout.write(`--- ${name}\n${text.split('\n').slice(-20).join('\n')}\n`);
  }
}
