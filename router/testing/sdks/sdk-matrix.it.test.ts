import { aiSdks } from './ai-sdk.ts';
import { anthropicSdks } from './anthropic-sdk.ts';
import { dotsSdks } from './dots-sdk.ts';
import { langChainSdks } from './langchain-sdk.ts';
import { openAiSdks } from './openai-sdk.ts';
import { sdkMatrix } from './sdk-matrix.contract.ts';

sdkMatrix([...openAiSdks, ...anthropicSdks, ...aiSdks, ...langChainSdks, ...dotsSdks], 'sdk-matrix.md');
