import { memoryContract } from './memory.contract.ts';

/** The aim is 700 MB; what is missing to it: `loadtest/report/slow-peers.md`. */
memoryContract({ uploads: 2000, crumbs: 20, readers: 2000, cut: 200, idle: 10_000, bytesMax: 1200e6, env: {} });
