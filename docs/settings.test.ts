import { expect, test } from 'vitest';
import { z } from 'zod';
import { secretText } from '#shared/runtime/read-config.ts';
import { settingsPage, settingsTable } from './settings.ts';

test('a row says the default, what fits, and what is secret', () => {
  const schema = z.object({
    FAIRWAY_PORT: z.coerce.number().int().min(0).max(65_535).default(8080).describe('port; 0 takes a free one'),
    FAIRWAY_WAIT_MS: z.coerce.number().int().min(1).default(5).describe('longest wait'),
    FAIRWAY_MODE: z.enum(['own', 'shared']).default('own').describe('a|<b>'),
    FAIRWAY_NATS_URL: secretText.describe('NATS'),
    FAIRWAY_STATE_DIR: z.string().optional().describe('folder'),
    FAIRWAY_RULES: z.string().default('').describe('rules'),
    FAIRWAY_NAME: z
      .string()
      .default(() => String(process.pid))
      .describe('name')
      .meta({ shownDefault: 'process id' }),
  });
  expect(settingsTable(schema).split('\n').slice(2)).toEqual([
    '| `FAIRWAY_PORT` | `8080` | 0 to 65535 | port; 0 takes a free one |',
    '| `FAIRWAY_WAIT_MS` | `5` | ≥ 1 | longest wait |',
    String.raw`| ${'`FAIRWAY_MODE`'} | ${'`own`'} | ${'`own`'} ${'`shared`'} | a\|\<b> |`,
    '| `FAIRWAY_NATS_URL` | **required** | secret | NATS |',
    '| `FAIRWAY_STATE_DIR` | none |  | folder |',
    '| `FAIRWAY_RULES` | none |  | rules |',
    '| `FAIRWAY_NAME` | process id |  | name |',
  ]);
});

test('settings.md is what the processes read (when it differs: node docs/write-settings.ts)', async () => {
  await expect(settingsPage()).toMatchFileSnapshot('settings.md');
});
