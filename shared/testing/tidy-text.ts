import type { TidyFile } from './tidy-files.ts';
import type { TidyRule } from './tidy-layout.ts';

/** Files that name what they forbid, or that are made by a program. */
const exempt = /^(shared\/testing\/tidy|package-lock\.json$|\.oxlintrc\.json$)/;
const production = /^(shared\/(contract|runtime)|api|provisioner|router)\//;

interface TextRule {
  pattern: RegExp;
  problem: string;
  /** Only in files whose name matches. */
  only?: RegExp;
  /** Not in files whose name matches. */
  except?: RegExp;
}

const code = /\.(ts|tsx|mjs)$/;
const running = /^(setup|shared\/(contract|runtime)|api|provisioner|router)\b.*\.(ts|mjs)$/;
const tests = /\.(test|contract|bench)\.ts$|\/testing\//;

const lineRules: readonly TextRule[] = [
  { pattern: /\b(TODO|FIXME|XXX|HACK)\b/, problem: 'what lies ahead stands under "Limits" in a README.md' },
  { pattern: /(?<![\w.~$}-])\/(home|root|Users|opt|work)\/\w/, problem: "a path of somebody's machine" },
  {
    pattern:
      /registry\.npmjs|npmjs\.(org|com)|pypi\.org|pythonhosted|(proxy|sum)\.golang\.org|crates\.io|repo1?\.maven/,
    problem: 'the address of a package registry; the user chooses that',
  },
  {
    pattern: /(oxlint|eslint)-disable(?!.* -- \S)/,
    problem: 'a disabled rule needs its reason: … -- because',
    only: code,
  },
  { pattern: /@ts-(ignore|nocheck)/, problem: 'use @ts-expect-error with a reason', only: code },
  { pattern: /@ts-expect-error\s*(\*\/)?$/, problem: 'an expected type error needs its reason', only: code },
  { pattern: /\bas unknown as\b/, problem: 'narrow it, or parse it with its schema', only: code },
  {
    pattern: /\bprocess\.exit\(/,
    problem: 'set process.exitCode and let the process end',
    only: running,
    except: tests,
  },
  { pattern: /(?<![.\w])setInterval\(/, problem: 'use startLoop of shared/runtime', only: running, except: tests },
  { pattern: /\b(describe|test|it)\.only\b/, problem: 'leaves out the other tests', only: /\.(test|contract)\.ts$/ },
  {
    pattern: /\bafter(All|Each)\(/,
    problem: 'what a test starts is ended by shared/testing/started.ts, also when its hook fails',
    only: tests,
    except: /^shared\/testing\/started\./,
  },
  {
    pattern: /\bclass (?!\w*Error\b)\w+ extends \w*Error\b/,
    problem: 'the name of an error class ends in Error',
    only: code,
  },
  {
    pattern: /^\s+(private|protected) (?!constructor\()(static |readonly |async |get |set )*\w+[(:;?= ]/,
    problem: 'a #name keeps it private at run time, too',
    only: code,
  },
  {
    pattern: /^(export )?const [A-Z][A-Z0-9]*(_[A-Z0-9]+)+\b|^(export )?const [A-Z]{2}[A-Z0-9]*\b/,
    problem: 'constants are camelCase',
    only: code,
  },
  {
    pattern: /\bconsole\.(log|error|warn|info|debug)\(/,
    problem: 'a process logs through shared/runtime/log.ts',
    only: production,
    except: /^api\/cli\/|\.(test|bench)\.ts$/,
  },
  {
    pattern:
      /from '(node:(net|http|https|http2|tls|dgram|child_process|fs|fs\/promises)|ioredis|undici|@nats-io\/transport-node|@kubernetes\/client-node)'/,
    problem: 'a *.test.ts does no I/O; name it *.it.test.ts',
    only: /\.test\.ts$/,
    except: /\.(it|e2e)\.test\.ts$/,
  },
];

/** Every rule about single lines; a breach names its line: `router/pick/pick.ts:12: …`. */
export const tidyLines: TidyRule = (files) => files.filter((file) => !exempt.test(file.name)).flatMap(breaches);

function breaches(file: TidyFile): string[] {
  const rules = lineRules.filter((rule) => (rule.only?.test(file.name) ?? true) && !rule.except?.test(file.name));
  return file.text
    .split('\n')
    .flatMap((line, index) =>
      rules.filter((rule) => rule.pattern.test(line)).map((rule) => `${file.name}:${index + 1}: ${rule.problem}`),
    );
}

/** A test in a folder that no project of .config/vitest.config.ts looks into is never red. */
export const testsAreFound: TidyRule = (files) => {
  const config = files.find((file) => file.name === '.config/vitest.config.ts')?.text ?? '';
  const folders = [...(/\beverywhere = \[(.*)\]/.exec(config)?.[1] ?? '').matchAll(/'([^']+)'/g)].map(
    ([, name]) => name,
  );
  return files
    .filter((file) => file.name.endsWith('.test.ts') && !folders.includes(file.name.split('/')[0]))
    .map((file) => `${file.name}: no project of .config/vitest.config.ts runs this test`);
};

/** A suite over a port that no test runs proves nothing. */
export const contractsAreRun: TidyRule = (files) => {
  const tests = files.filter((file) => file.name.endsWith('.test.ts'));
  return files
    .filter((file) => file.name.endsWith('.contract.ts'))
    .filter((file) => !tests.some((test) => test.text.includes(file.name.slice(file.name.lastIndexOf('/') + 1))))
    .map((file) => `${file.name}: no test runs this suite`);
};
