import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** One text file of the repository. */
export interface TidyFile {
  /** Path from the root, with slashes: `router/pick/pick.ts`. */
  name: string;
  text: string;
}

const binary = /\.(png|jpg|jpeg|gif|ico|woff2?|gz|zip|wasm)$/;

/** The files that git tracks, as they are in the working tree; those deleted there and not yet committed are left out. */
export function trackedFiles(root: string): TidyFile[] {
  const listed = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return listed
    .split('\0')
    .filter((name) => name !== '' && !binary.test(name) && existsSync(path.join(root, name)))
    .map((name) => ({ name, text: readFileSync(path.join(root, name), 'utf8') }));
}

/** The number of lines, the last one's newline not counted. */
export function lineCount(text: string): number {
  return text === '' ? 0 : text.replace(/\n$/, '').split('\n').length;
}
