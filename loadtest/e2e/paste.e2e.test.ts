import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { endAfterAll } from '#shared/testing/started.ts';
import { pasteCommands } from '#loadtest/stack/welcome.ts';
import { startTestStack, testModel, type TestStack } from './test-stack.ts';

const run = promisify(execFile);

describe('the commands that npm run dev prints', () => {
  let fairway: TestStack;
  const started = endAfterAll();
  beforeAll(async () => {
    fairway = await started.use(startTestStack({ regionals: 1, provisioners: 1 }));
  });

  it('all work when they are pasted', async () => {
    const { dedicated_inference: endpoint, token } = await fairway.create('pasted', 1);
    await fairway.untilActive(endpoint.id, 1);
    const demo = { endpointId: endpoint.id, token: token.value ?? '', model: testModel };
    for (const { title, command } of pasteCommands(fairway.stack, demo)) {
      const { stdout } = await run(
        '/bin/sh',
        ['-c', command.replace(/^curl /, 'curl -sS --fail-with-body -w "\\n%{http_code}" ')],
        { timeout: 30_000 },
      );
      expect(stdout.trimEnd(), title).toMatch(/\n?20[02]$/);
      if (title === 'Stream a completion') expect(stdout).toContain('data: [DONE]');
      if (title === 'Scale to 3 replicas') await fairway.untilActive(endpoint.id, 3);
    }
  });
});
