import { spawn, type ChildProcess } from 'node:child_process';
import type { Writable } from 'node:stream';

/** Kills the process groups that it was told of when its standard input ends. */
const script = `
trap '' INT TERM HUP
pids=
while read -r sign pid; do
  case $sign in
    +) pids="$pids $pid" ;;
    -) left=; for p in $pids; do [ "$p" = "$pid" ] || left="$left $p"; done; pids=$left ;;
  esac
done
for p in $pids; do kill -s KILL -- "-$p" 2>/dev/null; done
`;

/** Waits for the word of the kubelet on descriptor 3, then becomes the container's command: same pid, no orphan. */
const gate = 'IFS= read -r _ <&3 || exit 137; exec 3<&-; exec "$@"';

export interface GuardedProcess {
  file: string;
  args: string[];
  env: Record<string, string>;
  /** File descriptor of the log; absent: the output is dropped. */
  log: number | undefined;
}

/**
 * A tiny shell that outlives a killed kubelet just long enough to kill its pods. A pod starts only after the guard
 * knows its pid, so there is no moment in which a killed kubelet leaves a process behind.
 */
export class Guard implements AsyncDisposable {
  readonly #shell: ChildProcess;

  constructor() {
    this.#shell = spawn('/bin/sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    this.#shell.stdin?.on('error', () => {});
  }

  /** Starts a process in a group of its own. Its standard input stays open as long as this kubelet lives. */
  async start({ file, args, env, log }: GuardedProcess): Promise<ChildProcess & { pid: number }> {
    const output = log ?? 'ignore';
    const child = spawn('/bin/sh', ['-c', gate, 'pod', file, ...args], {
      stdio: ['pipe', output, output, 'pipe'],
      detached: true,
      env,
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    const { pid } = child;
    if (pid === undefined) throw new Error('The process has no pid.');
    child.stdin?.on('error', () => {});
    this.#tell(`+ ${pid}`);
    child.once('exit', () => {
      signalGroup(pid, 'SIGKILL');
      this.#tell(`- ${pid}`);
    });
    const word = child.stdio[3] as Writable;
    word.on('error', () => {});
    word.end('go\n');
    return Object.assign(child, { pid });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#shell.once('exit', resolve));
    this.#shell.stdin?.end();
    if (this.#shell.exitCode === null) await ended;
  }

  #tell(line: string): void {
    this.#shell.stdin?.write(`${line}\n`);
  }
}

/** Signals a whole process group; one that is gone already is fine. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
