import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorsPage } from './errors.ts';

await writeFile(join(import.meta.dirname, 'errors.md'), errorsPage());
