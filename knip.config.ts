import type { KnipConfig } from 'knip';

/** Entry points are the processes, the tests and the scripts of package.json; whatever they do not reach is dead. */
const config: KnipConfig = {
  entry: [
    'setup.mjs',
    '{api,provisioner,router}/**/main.ts',
    'loadtest/**/main.ts',
    'setup/checks/run-*.ts',
    'loadtest/bench/{figures,no-loss,hot-path/replica,hot-path/load,hot-path/floor}.ts',
    'loadtest/virtual/{run,marks}.ts',
    'loadtest/workload/survey.ts',
    'loadtest/scenarios/{sockets,report-strain}.ts',
    'api/testing/clients/build.ts',
    '{k8s,docs}/write-*.ts',
    'api/regional/testing/kills/kills.ts',
    'loadtest/e2e/cycles/cycles.ts',
    'loadtest/e2e/drains/drains.ts',
    'api/regional/testing/schemathesis.ts',
    '**/*.{test,bench}.ts',
    '.config/*.ts',
  ],
  project: ['{shared,api,provisioner,router,loadtest,k8s,setup,docs}/**/*.ts'],
  ignoreExportsUsedInFile: true,
  // Started by path in setup/checks/run-checks.ts.
  ignoreDependencies: ['oxfmt', 'oxlint', 'oxlint-tsgolint'],
};
export default config;
