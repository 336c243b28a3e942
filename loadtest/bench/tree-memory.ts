import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** Memory of one process: resident, and proportional (pages shared by n processes count 1/n). */
export interface ProcessMemory {
  name: string;
  rssBytes: number;
  pssBytes: number;
}

const run = promisify(execFile);

/** A process and all that descend from it. Linux gives the proportional size; elsewhere it equals the resident one. */
export async function treeMemory(rootPid: number): Promise<ProcessMemory[]> {
  const { stdout } = await run('ps', ['-eo', 'pid=,ppid=,rss=,args='], { maxBuffer: 16 * 1024 * 1024 });
  const rows = stdout
    .trim()
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(.*)$/.exec(line))
    .filter((match) => match !== null)
    .map(([, pid, ppid, rss, args = '']) => ({
      pid: Number(pid),
      ppid: Number(ppid),
      rssBytes: Number(rss) * 1024,
      args,
    }));
  const tree = new Set([rootPid]);
  for (let grown = -1; grown !== tree.size;) {
    grown = tree.size;
    for (const row of rows) if (tree.has(row.ppid)) tree.add(row.pid);
  }
  const members = rows.filter((row) => tree.has(row.pid));
  return Promise.all(
    members.map(async ({ pid, rssBytes, args }) => ({
      name: nameOf(args),
      rssBytes,
      pssBytes: (await pssOf(pid)) ?? rssBytes,
    })),
  );
}

async function pssOf(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  const match = /^Pss:\s+(\d+) kB/m.exec(text);
  return match === null ? undefined : Number(match[1]) * 1024;
}

/** The script of a Node process, else the program's own name. */
function nameOf(args: string): string {
  const script = /([\w-]+\/[\w./-]+|[\w-]+)\.(ts|mjs)\b/.exec(args.replace(/--import \S+/, ''));
  if (script !== null) return script[0].split('/').slice(-3).join('/');
  const [program = '', ...rest] = args.split(' ');
  return [program.split('/').at(-1), ...rest.filter((word) => word === 'run' || word === 'dev')].join(' ');
}
