/**
 * How Node is started for a router. V8 lets its space for young objects grow to 2 × 64 MiB on a machine with much memory, and
 * keeps it; 2 × 16 MiB cost a router nothing that shows (`loadtest/report/slow-peers.md`).
 */
export const routerNodeFlags = ['--max-semi-space-size=16'];
