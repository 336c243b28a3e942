/** A fenced block of a Markdown file that this test runs. */
export interface FencedBlock {
  /** The first word after the fence: `sh`, `ts`. */
  language: string;
  code: string;
  /** The line of its first line of code, counted from 1. */
  line: number;
}

/** All fenced blocks of a Markdown text, in order. @throws when one is not closed. */
export function fencedBlocks(markdown: string): FencedBlock[] {
  const blocks: FencedBlock[] = [];
  let open: { fence: string; language: string; from: number } | undefined;
  const lines = markdown.split('\n');
  for (const [index, line] of lines.entries()) {
    const [, fence = '', language = ''] = /^\s*(`{3,}|~{3,})\s*(\w*)/.exec(line) ?? [];
    if (fence === '') continue;
    if (open === undefined) open = { fence, language, from: index + 1 };
    else if (fence.startsWith(open.fence)) {
      blocks.push({ language: open.language, code: lines.slice(open.from, index).join('\n'), line: open.from + 1 });
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`The block that starts at line ${open.from} is not closed.`);
  return blocks;
}

/**
 * One shell script of a file's `sh` blocks, as a test runs it: it stops at the first command that fails, answers of curl
 * with a status of 400 or more included, and `npm run dev` ends after its first completion and takes free ports.
 * @throws for a block that would run the test suite inside itself.
 */
export function runnableScript(blocks: readonly FencedBlock[]): string {
  const commands = blocks.filter((block) => block.language === 'sh').map((block) => block.code);
  const recursive = /^\s*npm (test|run (check|clean))\b/m.exec(commands.join('\n'));
  if (recursive !== null) throw new Error(`"${recursive[0].trim()}" cannot run inside a test: fence it as text.`);
  const dev = (_line: string, flags = ''): string => {
    const missing = ['--smoke', '--port 0'].filter((flag) => !flags.includes(flag.split(' ')[0] ?? flag));
    return ['npm run dev --', flags.trim(), ...missing].filter(Boolean).join(' ');
  };
  const script = commands.join('\n').replaceAll(/^npm run dev\b(?: --(?= ))?(.*)$/gm, dev);
  return ['set -eu', 'curl() { command curl -sS --fail-with-body "$@"; }', script, ''].join('\n');
}
