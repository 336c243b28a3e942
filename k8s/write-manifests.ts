import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { manifestFiles } from './manifest-files.ts';

for (const { path, text } of manifestFiles()) await writeFile(join(import.meta.dirname, path), text);
