import { describe } from 'vitest';
import { endAfterAll } from '#shared/testing/started.ts';
import { aiSdks } from './ai-sdk.ts';
import { anthropicSdks } from './anthropic-sdk.ts';
import { dotsSdks } from './dots-sdk.ts';
import { langChainSdks } from './langchain-sdk.ts';
import { openAiSdks } from './openai-sdk.ts';
import { pythonSdks } from './python-sdks.ts';
import { sdkMatrix } from './sdk-matrix.contract.ts';

sdkMatrix([...openAiSdks, ...anthropicSdks, ...aiSdks, ...langChainSdks, ...dotsSdks], 'sdk-matrix.md');

/** A Python with `requirements.txt` installed; without one there is nothing to test. */
const { FAIRWAY_SDK_PYTHON: python } = process.env;
if (python !== undefined)
  describe('for Python', () => sdkMatrix(pythonSdks(python, endAfterAll()), 'sdk-matrix-python.md'));
