import { memoryContract } from './memory.contract.ts';

memoryContract({ uploads: 2000, crumbs: 20, readers: 2000, cut: 200, idle: 10_000, bytesMax: 700e6, env: {} });
