/**
 * Run: node api/regional/testing/schemathesis.ts [cases per operation and phase]
 * Judges the regional API by its own document; Schemathesis is installed into the cache, where Python is. Ends with its status.
 */
import { stopSignal } from '#shared/testing/run-command.ts';
import { buildClient, findClient } from '../../testing/clients/client-builds.ts';
import { judgeByDocument } from './judge-by-document.ts';

await buildClient('schemathesis');
const schemathesis = await findClient('schemathesis');
if (schemathesis === undefined) throw new Error('Schemathesis needs Python: there is no python3 with venv.');
const cases = Number(process.argv[2] ?? 700);
const { code } = await judgeByDocument({ schemathesis, cases, show: true, signal: stopSignal() });
process.exitCode = code ?? 1;
