/**
 * Run: node api/regional/testing/kills/kills.ts [mutations] [endpoints] [seed]
 * Mutations while API processes get SIGKILL: none lost, none made twice, one audit line each. Ends with 1 otherwise.
 */
import { loadavg } from 'node:os';
import { runKills } from './run-kills.ts';

const [mutations = 1000, endpoints = 100, seed = 8] = process.argv.slice(2).map(Number);
process.stdout.write(`${mutations} mutations, ${endpoints} endpoints, seed ${seed}\n`);
const report = await runKills({ mutations, endpoints, seed });
process.stdout.write(`${JSON.stringify({ ...report, load: loadavg().map(Math.round) }, null, 2)}\n`);
if (report.problems.length > 0 || report.auditLines !== mutations) process.exitCode = 1;
