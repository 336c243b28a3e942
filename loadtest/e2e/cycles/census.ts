import { execFileSync } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { Nats } from '#shared/runtime/nats/nats.ts';
import { readLog } from '#shared/runtime/nats/read-log.ts';
import { lookAt } from '#loadtest/cluster/client/kubeconfig.ts';
import { kubeconfigOf } from '#loadtest/stack/processes.ts';
import type { Stack } from '#loadtest/stack/stack.ts';
import { collections } from '../leftovers.ts';

/** What a stream holds. `lasting` counts messages that have no end of their own. */
export interface StreamCensus {
  messages: number;
  bytes: number;
  lasting: number;
}

/** What the stores of a stack hold. */
export interface StoreCensus {
  streams: Record<string, StreamCensus>;
  redisKeys: number;
  objects: number;
  /** NATS's folder on disk, bytes. */
  natsBytes: number;
}

/** What a process takes. `handles` are open files and sockets; 0 where the system does not tell. */
export interface ProcessCensus {
  name: string;
  residentMb: number;
  handles: number;
}

/** Counts everything in NATS, Redis and the cluster. */
export async function countStores({ plan, folder }: Stack, nats: Nats): Promise<StoreCensus> {
  const streams: StoreCensus['streams'] = {};
  for await (const { config, state } of nats.jsm.streams.list()) {
    const { messages, bytes } = state;
    streams[config.name] = { messages, bytes, lasting: await lastingIn(nats, config.name) };
  }
  const lists = await Promise.all(collections.map((path) => lookAt(kubeconfigOf(plan), path)));
  const objects = lists.reduce((sum: number, list) => sum + (list as { items: unknown[] }).items.length, 0);
  const redis = new Redis(plan.redisUrl);
  try {
    return { streams, redisKeys: await redis.dbsize(), objects, natsBytes: await bytesIn(join(folder, 'nats')) };
  } finally {
    redis.disconnect();
  }
}

/** Memory and handles of each process of the stack. */
export async function countProcesses({ supervisor }: Stack): Promise<ProcessCensus[]> {
  const found = supervisor.list().map(async ({ name, pid }) => {
    const kilobytes = Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }));
    const handles = await readdir(`/proc/${pid}/fd`).catch(() => []);
    return { name, residentMb: Math.round(kilobytes / 1024), handles: handles.length };
  });
  return Promise.all(found);
}

async function lastingIn(nats: Nats, stream: string): Promise<number> {
  let lasting = 0;
  for await (const { headers } of readLog(nats, stream, '>')) if (headers?.has('Nats-TTL') !== true) lasting += 1;
  return lasting;
}

/** What files of a folder take on the disk; some go while they are counted. */
async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = entries.map(async (entry) => {
    const found = await stat(join(entry.parentPath, entry.name)).catch(() => undefined);
    return found?.isFile() === true ? found.blocks * 512 : 0;
  });
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
