import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { settingsPage } from './settings.ts';

await writeFile(join(import.meta.dirname, 'settings.md'), settingsPage());
